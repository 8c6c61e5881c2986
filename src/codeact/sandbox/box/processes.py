"""Ending all that an agent has started, and learning how a worker died. For the one process of a session that is
trusted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator

from .proc import MOUNTED, Proc
from .root import WORKSPACE

_PATIENCE = 5.0  # seconds until what was killed must be gone


Kill = Callable[[Collection[int], int | None], bool]


class Children:
    """Reaps every child of this process; remembers how the ones that were expected ended."""

    def __init__(self, kill: Kill) -> None:
        """`kill` is `kill_the_rest`, or what stands in for it."""
        self._kill = kill
        self._ended: dict[int, int | None] = {}
        signal.signal(signal.SIGCHLD, self._on_signal)

    def expect(self, pid: int) -> None:
        self._ended[pid] = None

    def adopt(self, pid: int) -> int:
        """Expect a process that somebody says is a child; its pidfd. Raises ChildProcessError for any other: without a
        pid namespace that would be one of the host's.
        """
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        self.expect(pid)
        return os.pidfd_open(pid)

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
            if not self._kill(keep, device):
                break
            self.reap()
            time.sleep(0.001)
        self.reap()
        status = self._ended.pop(pid, None)
        return None if status is None else os.waitstatus_to_exitcode(status)

    def bury_all(self) -> None:
        """Kill every process of the session but this one, for as long as there is one."""
        while self._kill((), None):
            self.reap()
            time.sleep(0.001)


def kill_the_rest(proc: Proc, keep: Collection[int] = (), device: int | None = None) -> bool:
    """Kill the other processes of this session, except `keep`; whether there were any. With `device` only those whose
    workspace is on it, and those that do not let one look.
    """
    if os.getppid() != 0:
        return _kill(pid for pid in descendants(os.getpid()) if pid not in keep)
    # In a pid namespace of one's own "all" is exactly the session: as its pid 1, or as the one that came from outside.
    try:
        if not keep and device is None:
            os.kill(-1, signal.SIGKILL)
            return True
        os.kill(-1, signal.SIGSTOP)  # in one step, so that nothing can fork away from a list of who is there
    except ProcessLookupError:
        return False
    killed = _kill(pid for pid, name in _running(proc) if pid not in keep and _is_of(proc, name, device))
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGCONT)
    return killed


def _kill(pids: Iterable[int]) -> bool:
    count = 0
    for count, pid in enumerate(list(pids), 1):  # noqa: B007 (counted)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return count > 0


def _running(proc: Proc) -> Iterator[tuple[int, str]]:
    """All processes but this one and pid 1, without those that have ended and were not waited for: the number here, and
    the one that `proc` knows.
    """
    for name in _found(proc):
        with contextlib.suppress(OSError):  # ended while we looked
            lines = dict(line.split(":", 1) for line in proc.read(f"{name}/status").splitlines() if ":" in line)
            if lines["State"].split()[0] not in "ZX":
                yield int(lines["NSpid"].split()[-1]), name


def _found(proc: Proc) -> Iterable[str]:
    if proc.held:  # it shows the whole container; twice, for the children of one that was ending while we looked
        return map(str, dict.fromkeys([*descendants("self", proc), *descendants("self", proc)]))
    return [name for name in proc.names("") if name.isdigit() and int(name) not in (1, os.getpid())]


def _is_of(proc: Proc, name: str, device: int | None) -> bool:
    if device is None:
        return True
    try:
        return proc.stat(f"{name}/root{WORKSPACE}").st_dev == device
    except OSError:
        return True


def kill_in_scope(keep: Collection[int] = (), device: int | None = None) -> bool:
    """As `kill_the_rest`, for a process whose signals Landlock keeps within its session: in one sweep, so that a fork
    bomb cannot be faster. There `device` is always None.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(-1, signal.SIGSTOP if keep else signal.SIGKILL)
    if keep:
        killed = _kill(pid for pid in descendants(os.getpid()) if pid not in keep)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-1, signal.SIGCONT)
        return killed
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # nor grandchildren: a subreaper's would have become its children
        return False
    return True


def descendants(pid: int | str, proc: Proc = MOUNTED) -> list[int]:
    """Of a subreaper these are all that it ever caused, daemons too. As `proc` numbers them, which knows "self" too."""
    found = list[int]()
    waiting = [pid]
    while waiting:
        found += (those := children(waiting.pop(), proc))
        waiting += those
    return found


def children(pid: int | str, proc: Proc = MOUNTED) -> list[int]:
    """Of all its threads."""
    found = list[int]()
    with contextlib.suppress(OSError):  # ended while we looked
        for task in proc.names(f"{pid}/task"):
            with contextlib.suppress(OSError):
                found += [int(word) for word in proc.read(f"{pid}/task/{task}/children").split()]
    return found
