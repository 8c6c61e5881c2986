"""Ending all that an agent has started, and learning how a worker died. For the one process of a session that is
trusted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from .root import WORKSPACE

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

    def end_all(self, pid: int, keep: Collection[int] = (), device: int | None = None) -> int | None:
        """Kill the processes of the session; for `keep` and `device` see `kill_the_rest`. How `pid` ended: an exit
        code, or minus a signal; None if it still has not.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if not kill_the_rest(keep, device):
                break
            self.reap()
            time.sleep(0.001)
        self.reap()
        status = self._ended.pop(pid, None)
        return None if status is None else os.waitstatus_to_exitcode(status)


def kill_the_rest(keep: Collection[int] = (), device: int | None = None) -> bool:
    """Kill the other processes of this session, except `keep`; whether there were any. With `device` only those whose
    workspace is on it, and those that do not let one look.
    """
    if os.getpid() != 1:
        return _kill(pid for pid in _descendants(os.getpid()) if pid not in keep)
    try:  # in a pid namespace of one's own "all" is exactly the session
        if (not keep and device is None) or not Path("/proc/1/stat").exists():
            os.kill(-1, signal.SIGKILL)
            return True
        os.kill(-1, signal.SIGSTOP)  # in one step, so that nothing can fork away from a list of who is there
    except ProcessLookupError:
        return False
    killed = _kill(pid for pid in _running() if pid not in keep and _is_of(pid, device))
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGCONT)
    return killed


def _kill(pids: Iterable[int]) -> bool:
    count = 0
    for count, pid in enumerate(list(pids), 1):  # noqa: B007 (counted)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return count > 0


def _running() -> Iterator[int]:
    """All processes but this one, without those that have ended and were not waited for."""
    for folder in list(Path("/proc").iterdir()):
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):  # ended while we looked
                if Path(folder, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                    yield int(folder.name)


def _is_of(pid: int, device: int | None) -> bool:
    if device is None:
        return True
    try:
        return Path(f"/proc/{pid}/root{WORKSPACE}").stat().st_dev == device
    except OSError:
        return True


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
