"""A blocking socket that carries frames, as the processes inside a box use it."""

from __future__ import annotations

import array
import os
import select
import socket
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from .frames import Decoder, Frame, encode

_MAX_FDS = 8  # descriptors that one message may carry
_SPACE = socket.CMSG_SPACE(_MAX_FDS * 4)
# Seconds for which it is not worth going to sleep: to wake a processor up takes about as long. With one processor, the
# other side could do nothing meanwhile.
MOMENT = 100e-6 if len(os.sched_getaffinity(0)) > 1 else 0.0


class ChannelClosedError(Exception):
    """The host is gone, or has closed this channel."""


class Control(Protocol):
    """The channel of a session: frames and descriptors, one command at a time."""

    def send(self, frame: Frame, fds: Sequence[int] = ()) -> None: ...

    def receive(self) -> Frame: ...

    def take_fds(self) -> list[int]: ...

    def close(self) -> None: ...


class Channel:
    """Reading is for one thread at a time; sending is safe from any thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._decoder = Decoder()
        self._fds: list[int] = []
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._lock = threading.Lock()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """Raises `ChannelClosedError` when nobody reads any more, ValueError when the frame is too large."""
        buffers = encode(frame)
        with self._lock:
            try:
                self._send(buffers, fds)
            except (BrokenPipeError, ConnectionResetError):
                raise ChannelClosedError from None

    def _send(self, buffers: Sequence[bytes | bytearray | memoryview], fds: Sequence[int]) -> None:
        head = memoryview(buffers[0])
        if fds:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            head = head[self._socket.sendmsg([head], rights) :]
        for buffer in (head, *buffers[1:]):
            self._socket.sendall(buffer)

    def receive(self) -> Frame:
        """Wait for a frame.

        Raises:
            ChannelClosedError: end of stream.
            FrameError: not a frame.
        """
        while (frame := self.next()) is None:
            self.wait()
            self.pull()
        return frame

    def wait(self, timeout: float | None = None) -> bool:
        """Until there is something to read, or `timeout` seconds have passed; whether there is. With a timeout it is
        expected now, and the processor stays awake for it a moment: most tools take no time.
        """
        if timeout is None:
            return bool(self._poll.poll())
        until = time.monotonic() + MOMENT
        while time.monotonic() < until:
            if self._poll.poll(0):
                return True
        return bool(self._poll.poll(timeout * 1000))

    def next(self) -> Frame | None:
        """A frame that has arrived already, if any. Raises `FrameError`."""
        return self._decoder.next()

    def pull(self) -> None:
        """Take in what has arrived, without waiting. Raises `ChannelClosedError`."""
        try:
            count = self._decoder.read(self._receive)
        except BlockingIOError:
            return
        except ConnectionResetError:
            raise ChannelClosedError from None
        if not count:
            raise ChannelClosedError

    def _receive(self, room: memoryview) -> int:
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        count, ancillary, _, _ = self._socket.recvmsg_into([room], _SPACE, flags)
        for _, _, payload in ancillary:
            descriptors = array.array("i")
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
            self._fds.extend(descriptors)
        return count

    def take_fds(self, count: int | None = None) -> list[int]:
        """The first `count` of the descriptors that came with what has been received so far, or all of them; the caller
        owns them now.
        """
        fds, self._fds = self._fds[:count], [] if count is None else self._fds[count:]
        return fds

    def close(self) -> None:
        for fd in self.take_fds():
            os.close(fd)
        self._socket.close()
