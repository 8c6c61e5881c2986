"""The near ends of a `Mux`'s lanes: descriptors of this side, read and written without blocking."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import termios
from typing import Protocol


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
