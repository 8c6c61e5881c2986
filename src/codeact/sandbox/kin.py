"""All processes of a session, found and summed up through /proc from its first one: for hosts without control groups.

Weaker than the kernel's own counting. A sum is of one moment: who allocates fast wins some hundred MB until the next
look, and children that were reaped by a process that ignores their end are not in the count of processor time. Memory
that no process has mapped (a memfd that is only written to) is not seen.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from codeact.sandbox.box.processes import descendants
from codeact.sandbox.cgroups import read

_TICK = os.sysconf("SC_CLK_TCK")
_FILES = "root/box/work"  # where a session keeps its files in memory, seen from its first process


@dataclass(frozen=True, slots=True)
class Kin:
    first: int  # pid, as the host counts

    def cpu_seconds(self) -> float:
        """Used by those that live, and by those that have been waited for."""
        return sum(map(_ticks, self._pids())) / _TICK

    def data(self) -> int:
        """Bytes of the first process that count against a limit of memory per process."""
        return _sizes(self.first, "status").get("VmData:", 0)

    def shrink(self, most: int) -> int:
        """Kill the largest processes, the first one excepted, until the others use no more than `most` bytes. How many
        were killed: what the kernel would have done, a moment later.
        """
        killed = 0
        excess = self.memory(most) - most
        sizes = {pid: sum(_share(pid)) for pid in self._pids() if pid != self.first} if excess > 0 else {}
        for pid in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if excess > 0 and self._kill(pid):
                excess -= sizes[pid]
                killed += 1
        return killed

    def _kill(self, pid: int) -> bool:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:  # it has ended
            return False
        try:
            if pid not in self._pids():  # the number has been given to a stranger
                return False
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except OSError:
            return False
        finally:
            os.close(pidfd)
        return True

    def memory(self, enough: int) -> int:
        """Bytes that the session has for itself, files included. Exact only above `enough`: below it pages that
        several processes share are counted more than once, which costs a tenth of counting them right.
        """
        pids, files = self._pids(), self._files()
        rough = _together(map(_resident, pids), files)
        return rough if rough <= enough else _together(map(_share, pids), files)

    def _pids(self) -> list[int]:
        return [self.first, *descendants(self.first)]

    def _files(self) -> int:
        """Bytes in the session's workspace, /tmp and shared memory."""
        try:
            if Path(f"/proc/{self.first}/ns/mnt").stat().st_ino == Path("/proc/self/ns/mnt").stat().st_ino:
                return 0  # it has no files of its own
            folder = os.open(f"/proc/{self.first}/{_FILES}", os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY)
        except OSError:  # it has ended
            return 0
        try:
            usage = os.fstatvfs(folder)
            return (usage.f_blocks - usage.f_bfree) * usage.f_frsize
        finally:
            os.close(folder)


def _ticks(pid: int) -> int:
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))  # user and system; its own, and of the children it has waited for


def _together(processes: Iterable[tuple[int, int]], files: int) -> int:
    """Shared memory and files are the same pages as far as files are mapped, so the larger one counts."""
    found = list(processes)
    return sum(private for private, _ in found) + max(files, sum(shared for _, shared in found))


def _resident(pid: int) -> tuple[int, int]:
    """Bytes of private and of shared memory that a process has mapped."""
    found = _sizes(pid, "status")
    return found.get("RssAnon:", 0), found.get("RssShmem:", 0)


def _share(pid: int) -> tuple[int, int]:
    """The same, each page divided by the number of processes that have it."""
    found = _sizes(pid, "smaps_rollup")
    return (found.get("Pss_Anon:", 0), found.get("Pss_Shmem:", 0)) if found else _resident(pid)


def _sizes(pid: int, name: str) -> dict[str, int]:
    lines = [line.split() for line in read(Path(f"/proc/{pid}/{name}")).splitlines()]
    return {line[0]: int(line[1]) * 1024 for line in lines if len(line) == 3 and line[2] == "kB"}
