"""The output pipes of a session as the host reads them: streamed, counted, and cut while reading, never collected
whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections import deque
from collections.abc import Callable, Generator

import anyio

_CHUNK = 1 << 16  # bytes per read
_LONG = 3_950  # characters of output and value from which the whole is kept too: what a model sees, less labels


class Kept:
    """The first and the last part of a stream, up to `limit` bytes together."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail = deque[bytes]()
        self._tail_size = 0
        self.size = 0

    def add(self, data: bytes) -> int:
        """Take more. How many bytes of it went to the head."""
        self.size += len(data)
        room = max(0, self._half - len(self._head))
        self._head += data[:room]
        if rest := data[room:]:
            self._tail.append(rest)
            self._tail_size += len(rest)
        while self._tail and self._tail_size - len(self._tail[0]) >= self._half:
            self._tail_size -= len(self._tail.popleft())
        return min(room, len(data))

    @property
    def dropped(self) -> int:
        """Bytes that were not kept."""
        return max(0, self.size - len(self._head) - min(self._tail_size, self._half))

    @property
    def text(self) -> str:
        """What was kept, as text, with a line that says how much is missing between."""
        head, tail = self._head.decode("utf-8", "replace"), b"".join(self._tail)
        if not self.dropped:
            return (self._head + tail).decode("utf-8", "replace")
        end = tail[-self._half :].decode("utf-8", "replace")
        return f"{head}\n… {self.dropped:,} bytes of output were dropped …\n{end}"


def whole(stdout: str, stderr: str, value: str) -> bytes | None:
    """The file that keeps the output and value of an action in full; None where they are not long."""
    if len(stdout) + len(stderr) + len(value) <= _LONG:
        return None
    text = stdout + (f"\n--- standard error ---\n{stderr}" if stderr else "")
    text += f"\n--- last value ---\n{value}" if value else ""
    return text.encode("utf-8", "replace")


class Pipe:
    """The reading end of standard output or error. Lives as long as the session; what it reads goes to the action of
    the moment.
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._take: Callable[[bytes], object] = lambda data: None

    def fileno(self) -> int:
        return self._fd

    @contextlib.contextmanager
    def into(self, take: Callable[[bytes], object]) -> Generator[None]:
        before, self._take = self._take, take
        try:
            yield
        finally:
            self._take = before

    async def pump(self) -> None:
        """Read until cancelled, or until nobody can write any more."""
        while True:
            await anyio.wait_readable(self._fd)
            if self._read(_CHUNK) == 0:
                return

    def drain(self) -> None:
        """Read what is in the pipe at this moment. What comes while doing so is left: a background thread could write
        for ever.
        """
        waiting = struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))[0]
        while waiting > 0 and (count := self._read(min(waiting, _CHUNK))) is not None and count > 0:
            waiting -= count

    def _read(self, size: int) -> int | None:
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return None
        self._take(data)
        return len(data)

    def close(self) -> None:
        """May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_pipe(given: contextlib.ExitStack, kept: contextlib.ExitStack) -> tuple[Pipe, int]:
    """A pipe for the output of a box: the end that is read, closed with `kept`, and the end to give away, closed with
    `given`.
    """
    ours, theirs = os.pipe()
    pipe = Pipe(ours)
    kept.callback(pipe.close)
    given.callback(os.close, theirs)
    return pipe, theirs
