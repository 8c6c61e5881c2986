"""The near ends of a `Mux`'s lanes: descriptors of this side, read and written without blocking."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import signal
import socket
import struct
import termios
from collections.abc import Callable
from typing import Protocol

_MAX_FDS = 8  # descriptors that one message may carry


class Port(Protocol):
    def fileno(self) -> int:
        """The descriptor to wait for; negative when there is nothing to wait for."""
        ...

    def read(self, most: int) -> bytes | None:
        """Up to `most` bytes; None when there are none now, b"" when there never will be more."""
        ...

    def write(self, data: bytes) -> int:
        """How many bytes it took; 0 when there is no room now. Raises OSError when nobody will ever take them."""
        ...

    def ready(self) -> int:
        """Bytes that a `read` would find now."""
        ...

    def close(self) -> None: ...


class Descriptor:
    """A pipe's end or a socket."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def read(self, most: int) -> bytes | None:
        try:
            return os.read(self._fd, most)
        except BlockingIOError:
            return None
        except OSError:  # reset: the same as the end
            return b""

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0

    def ready(self) -> int:
        return struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))[0]

    def close(self) -> None:
        os.close(self._fd)


class Socket(Descriptor):
    """A socket, along which descriptors travel: those that are given go with the next bytes."""

    def __init__(self, sock: socket.socket, take: Callable[[int], object] | None = None) -> None:
        """`take` owns the descriptors that come; without it the kernel closes them."""
        super().__init__(sock.fileno())
        self.take = take
        self._socket = sock
        self._given: list[socket.socket] = []

    def give(self, sock: socket.socket) -> None:
        self._given.append(sock)

    def read(self, most: int) -> bytes | None:
        if self.take is None:
            return super().read(most)
        try:
            data, ancillary, _, _ = self._socket.recvmsg(most, socket.CMSG_SPACE(_MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        for _, _, payload in ancillary:
            for fd in memoryview(payload).cast("i"):
                self.take(fd)
        return data

    def write(self, data: bytes) -> int:
        if not self._given:
            return super().write(data)
        fds = array.array("i", [sock.fileno() for sock in self._given])
        try:
            count = self._socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        except BlockingIOError:
            return 0
        self._forget()
        return count

    def close(self) -> None:
        self._forget()
        self._socket.close()

    def _forget(self) -> None:
        for sock in self._given:
            sock.close()
        self._given.clear()


class Process:
    """A process by its pidfd: each byte written is a signal for it, and its end is the end of what can be read."""

    def __init__(self, pidfd: int) -> None:
        self._pidfd = pidfd

    def fileno(self) -> int:
        return self._pidfd

    def read(self, most: int) -> bytes | None:
        return b""  # asked only when it is readable

    def write(self, data: bytes) -> int:
        for number in data:
            with contextlib.suppress(OSError, ValueError):  # it is gone, or that is no signal
                signal.pidfd_send_signal(self._pidfd, number)
        return len(data)

    def ready(self) -> int:
        return 0

    def close(self) -> None:
        os.close(self._pidfd)
