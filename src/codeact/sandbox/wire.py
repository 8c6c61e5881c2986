"""A socket to a process of a box, as the host uses it: frames and descriptors, without blocking, cancelled at any
moment without harm.
"""

from __future__ import annotations

import array
import contextlib
import os
import select
import socket
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import anyio

from codeact.errors import SandboxError
from codeact.sandbox.box.frames import Decoder, Frame, FrameError, encode

_MAX_FDS = 8
_PATIENCE = 30.0  # seconds for an answer to a command


class WireClosedError(Exception):
    """The process at the other end is gone, or what it sent cannot be read."""


class Sender(Protocol):
    """What frames can be sent to without waiting."""

    @property
    def has_unsent(self) -> bool: ...

    def post(self, frame: Frame) -> None:
        """Send what goes at once; the rest goes with the next `flush`. Raises `WireClosedError`; ValueError for a frame
        that is too large.
        """
        ...

    async def flush(self) -> None:
        """Send what is not sent yet. Raises `WireClosedError`."""
        ...


class Wire:
    """One reader at a time; any number of senders."""

    def __init__(self, sock: socket.socket, *, descriptors: bool = False) -> None:
        """`descriptors`: take those that come along. Never from a worker, which could send any number."""
        sock.setblocking(False)
        self._socket = sock
        self._descriptors = descriptors
        self._fds: list[int] = []
        self._decoder = Decoder()
        self._unsent = deque[memoryview]()  # in order; what a cancelled `send` had left goes out before anything else
        self._sending = anyio.Lock(fast_acquire=True)  # what most often need not wait should not give up its turn
        self._asking = anyio.Lock(fast_acquire=True)

    async def send(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """Raises `WireClosedError`; ValueError for a frame that is too large."""
        buffers = encode(frame)
        async with self._sending:
            await self._flush()
            views = deque(memoryview(buffer) for buffer in buffers if len(buffer))
            if fds:
                count = await self._send_descriptors(views[0], fds)
                views[0] = views[0][count:]
            self._unsent.extend(view for view in views if len(view))
            await self._flush()

    async def flush(self) -> None:
        """Send what is not sent yet. Raises `WireClosedError`."""
        async with self._sending:
            await self._flush()

    def post(self, frame: Frame) -> None:
        """Send what goes at once; the rest goes before anything else, with the next `push` or `send`. Never waits, so
        whoever posts must see to the rest. Raises as `send` does.
        """
        self._unsent.extend(memoryview(buffer) for buffer in encode(frame) if len(buffer))
        self.push()

    def push(self) -> None:
        """Send what goes at once of what is not sent yet. Raises `WireClosedError`."""
        try:
            while self._unsent:
                self._sent(self._socket.send(self._unsent[0]))
        except BlockingIOError:
            pass
        except OSError as error:
            raise WireClosedError(str(error)) from None

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    @property
    def readable(self) -> bool:
        """Whether something has arrived that was not taken in, be it the end."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def fileno(self) -> int:
        return self._socket.fileno()

    async def _flush(self) -> None:
        self.push()
        while self._unsent:
            await anyio.wait_writable(self._socket)
            self.push()

    async def _send_descriptors(self, head: memoryview, fds: Sequence[int]) -> int:
        """With the first bytes of a frame; how many those were."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        while True:
            try:
                return self._socket.sendmsg([head], rights)
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except OSError as error:
                raise WireClosedError(str(error)) from None

    def _sent(self, count: int) -> None:
        if count == len(self._unsent[0]):
            self._unsent.popleft()
        else:
            self._unsent[0] = self._unsent[0][count:]

    async def receive(self) -> Frame:
        """Raises `WireClosedError` at the end, and when what came is not a frame."""
        while (frame := self.receive_nowait()) is None:
            await anyio.wait_readable(self._socket)
        return frame

    def receive_nowait(self) -> Frame | None:
        """A frame, if one has arrived. Raises as `receive` does."""
        while (frame := self.next()) is None:
            if not self.pull():
                return None
        return frame

    def next(self) -> Frame | None:
        """A frame that has been taken in already. Raises `WireClosedError` when it is not one."""
        try:
            return self._decoder.next()
        except FrameError as error:
            raise WireClosedError(f"not a frame: {error}") from None

    def pull(self) -> bool:
        """Take in some of what has arrived; whether there was anything. Raises `WireClosedError` at the end."""
        try:
            count = self._decoder.read(self._receive)
        except BlockingIOError:
            return False
        except OSError as error:
            raise WireClosedError(str(error)) from None
        if not count:
            raise WireClosedError("the other end was closed")
        return True

    def _receive(self, room: memoryview) -> int:
        if not self._descriptors:
            return self._socket.recv_into(room)
        space = socket.CMSG_SPACE(_MAX_FDS * 4)
        count, ancillary, _, _ = self._socket.recvmsg_into([room], space, socket.MSG_CMSG_CLOEXEC)
        for _, _, payload in ancillary:
            found = array.array("i")
            found.frombytes(payload[: len(payload) - len(payload) % found.itemsize])
            self._fds.extend(found)
        return count

    async def ask(self, frame: Frame, *, fds: Sequence[int] = (), answer: str) -> tuple[Frame, list[int]]:
        """A command and its one answer, with the descriptors that came along, which the caller owns.

        Not cancelled half-way, or the next command would get this one's answer; the processes that are asked answer at
        once.

        Raises:
            SandboxError: another answer came than the one expected, or none.
        """
        try:
            with anyio.fail_after(_PATIENCE, shield=True):
                reply = await self._exchange(frame, fds)
        except TimeoutError:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # a late answer would be taken for that to the next command
            raise SandboxError(f"the box did not answer to {frame.kind!r} in {_PATIENCE:.0f} seconds") from None
        except WireClosedError as error:
            raise SandboxError(f"the box ended without an answer to {frame.kind!r}: {error}") from None
        received, self._fds = self._fds, []
        if reply.kind != answer:
            for fd in received:
                os.close(fd)
            raise RefusalError(reply)
        return reply, received

    async def _exchange(self, frame: Frame, fds: Sequence[int]) -> Frame:
        async with self._asking:
            await self.send(frame, fds)
            return await self.receive()

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        self._socket.close()


class RefusalError(SandboxError):
    """The box answered with "no": its reason, and whether it `refused` the request or `failed` at it."""

    def __init__(self, reply: Frame) -> None:
        super().__init__(str(reply.body.get("reason", reply.kind)))
        self.kind = reply.kind
        self.body = reply.body
