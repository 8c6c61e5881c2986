"""The standard output and error of a worker: buffered, but never for longer than a blink, so that the host can show
progress.

Descriptors 1 and 2 are pipes to the host, so subprocesses and C code are caught too; this is only the Python stream on
top. A print goes out at once when nothing went out lately, else with others a little later, by a thread that lives only
while something waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, cast

_DELAY = 0.03  # seconds
_FULL = 64 * 1024  # bytes
_PROGRAMS = frozenset(["subprocess.Popen", "os.system", "os.posix_spawn"])  # audit events; a fork flushes by itself
_MARK = b"[background] "  # before each line that a thread of an earlier action prints during another
_HIGH = 200  # private descriptors lie above the ones an agent's code is likely to close


class TimedWriter(io.BufferedIOBase):
    """The raw stream under `sys.stdout`: what is written leaves within `_DELAY` seconds."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()
        self._lock = threading.RLock()  # re-entrant: a signal handler may print
        self._sent = 0.0
        self._later: tuple[threading.Thread, threading.Event] | None = None  # who sends, and what makes it send now
        self._last: threading.Thread | None = None  # who sent, and may not have ended yet
        self._earlier: frozenset[threading.Thread] = frozenset()  # of earlier actions, while an action runs
        self._begun = dict[threading.Thread, bytes]()  # lines of theirs that have no end yet
        os.register_at_fork(before=self.flush, after_in_child=self._after_fork)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        with self._lock:
            self._buffer += self._marked(data) if self._earlier else data
            if len(self._buffer) >= _FULL or time.monotonic() - self._sent > _DELAY:
                self._send()
            elif self._later is None:
                self._send_later()
        return len(data)

    def flush(self) -> None:
        if self._buffer:  # what another thread is sending is still in it
            with self._lock:
                self._send()

    def mark(self, earlier: frozenset[threading.Thread]) -> None:
        """From now on mark what these threads print, line by line."""
        with self._lock:
            self._earlier = earlier
            self._buffer += b"".join(_MARK + line + b"\n" for line in self._begun.values() if line)
            self._begun.clear()

    def _marked(self, data: Any) -> Any:
        if (thread := threading.current_thread()) not in self._earlier:
            return data
        *lines, rest = (self._begun.get(thread, b"") + bytes(data)).split(b"\n")
        if len(rest) > _FULL:
            lines, rest = [*lines, rest], b""
        self._begun[thread] = rest
        return b"".join(_MARK + line + b"\n" for line in lines)

    def settle(self) -> None:
        """Send everything and be without a thread, as a fork wants it. Not for while code runs that may print."""
        self.flush()
        if (later := self._later) is not None:
            later[1].set()
        if (last := self._last) is not None:
            last.join()

    def close(self) -> None:
        """Stay open: code that closes `sys.stdout` should not silence the actions after it."""
        self.flush()

    def _send(self) -> None:
        while self._buffer:
            try:
                count = os.write(self._fd, bytes(self._buffer))
            except BlockingIOError:  # a subprocess has made the pipe it shares with us non-blocking
                select.select((), (self._fd,), ())
                continue
            del self._buffer[:count]
        self._sent = time.monotonic()

    def _send_later(self) -> None:
        now = threading.Event()
        thread = threading.Thread(target=self._send_after_delay, args=[now], daemon=True)
        try:
            thread.start()
            self._later, self._last = (thread, now), thread
        except RuntimeError:  # no more threads allowed
            self._send()

    def _send_after_delay(self, now: threading.Event) -> None:
        now.wait(_DELAY)
        with self._lock, contextlib.suppress(OSError):
            self._later = None
            self._send()

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        self._later = self._last = None
        self._earlier = frozenset()
        self._begun.clear()


class Streams:
    """Owns the worker's output. Private copies of the pipes let it put things right after an action that closed or
    replaced them.
    """

    def __init__(self, stdout: int, stderr: int, *, flushed: Callable[[], object] = lambda: None) -> None:
        """`flushed`: called when everything printed so far is in the pipes."""
        self._flushed = flushed
        self._private = list[int]()
        self.move_to(stdout, stderr)
        self._stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), "utf-8")
        self._writers = [TimedWriter(1), TimedWriter(2)]
        self._texts = [
            io.TextIOWrapper(cast("Any", writer), "utf-8", "backslashreplace", write_through=True)
            for writer in self._writers
        ]
        self.restore()
        sys.addaudithook(self._before_program)

    def move_to(self, stdout: int, stderr: int) -> None:
        """Write into these pipes from now on."""
        null = os.open(os.devnull, os.O_RDONLY)
        for fd in self._private:
            os.close(fd)
        self._private = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH) for fd in (null, stdout, stderr)]
        for fd in (null, stdout, stderr):
            os.close(fd)
        self._restore_descriptors()

    @property
    def descriptors(self) -> list[int]:
        """Those that are not the agent's."""
        return [0, 1, 2, *self._private]

    def settle(self) -> None:
        """Everything printed so far is in the pipes, and no thread of ours runs."""
        for writer in self._writers:
            with contextlib.suppress(OSError):  # as in `flush`
                writer.settle()

    def begin_action(self) -> None:
        """Threads that run already belong to earlier actions."""
        earlier = frozenset(threading.enumerate()) - {threading.main_thread()}
        for writer in self._writers:
            writer.mark(earlier)

    def end_action(self) -> None:
        """Everything printed so far is in the pipes; from now on it is late, and the host knows."""
        for writer in self._writers:
            writer.mark(frozenset())
        self.flush()

    def _before_program(self, event: str, args: object) -> None:
        """A program writes into the pipes itself; what was printed before it comes first."""
        if event in _PROGRAMS:
            self.flush()

    def flush(self) -> None:
        """Everything printed so far is in the pipes."""
        for writer in self._writers:
            with contextlib.suppress(OSError):  # the action has closed the descriptor; `restore` opens it again
                writer.flush()
        self._flushed()

    def restore(self) -> None:
        """Standard streams and descriptors as they were at the start."""
        self._restore_descriptors()
        sys.stdin, sys.stdout, sys.stderr = self._stdin, *self._texts

    def _restore_descriptors(self) -> None:
        for number, fd in enumerate(self._private):
            os.dup2(fd, number)
