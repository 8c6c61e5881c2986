"""Ending all that an agent has started, and learning how a worker died. For the one process of a session that is
trusted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

_PATIENCE = 5.0  # seconds until what was killed must be gone


class Children:
    """Reaps every child of this process; remembers how the ones that were expected ended."""

    def __init__(self) -> None:
        self._ended: dict[int, int | None] = {}
        signal.signal(signal.SIGCHLD, self._on_signal)

    def expect(self, pid: int) -> None:
        self._ended[pid] = None

    def _on_signal(self, *_: object) -> None:
        self.reap()

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid in self._ended:  # others are orphans of an agent, as many as it likes
                    self._ended[pid] = status

    def end_all(self, pid: int) -> int | None:
        """Kill every process of the session but this one. How `pid` ended: an exit code, or minus a signal; None if it
        still has not.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if not kill_the_rest():
                break
            self.reap()
            time.sleep(0.001)
        self.reap()
        status = self._ended.pop(pid, None)
        return None if status is None else os.waitstatus_to_exitcode(status)


def kill_the_rest() -> bool:
    """Kill all other processes of this session; whether there were any."""
    if os.getpid() == 1:  # in a pid namespace of one's own "all" is exactly the session
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True
    others = _descendants(os.getpid())
    for pid in others:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(others)


def _descendants(pid: int) -> list[int]:
    """Of a subreaper these are all that it ever caused, daemons too."""
    found = list[int]()
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # ended while we looked
                waiting += (children := [int(word) for word in task.read_text().split()])
                found += children
    return found
