"""A copy of a live interpreter: what a worker does before and after it forks itself.

The copy has the same memory, and everything else in this file is about what memory alone does not carry: descriptors
still belong to the original's files, other threads are gone, the state of an event loop is in the kernel, random
numbers would begin anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import threading
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import linux, procless

_SQLITE = b"SQLite format 3\0"
_FRESH = os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A descriptor as it was before the fork."""

    fd: int
    path: str
    flags: int
    position: int

    def open_again(self) -> None:
        """Let the descriptor mean the file that has its path now, at the same place in it. One that stayed with the
        original's file would write into that.
        """
        with contextlib.suppress(OSError):  # no longer there: then it keeps what it has
            if self.path != procless.SOMEWHERE:
                self._find()
            os.lseek(self.fd, self.position, os.SEEK_SET)

    def _find(self) -> None:
        now, held = Path(self.path).stat(), os.fstat(self.fd)
        if (now.st_dev, now.st_ino) != (held.st_dev, held.st_ino):
            fd = os.open(self.path, self.flags & ~_FRESH | os.O_CLOEXEC)
            os.dup2(fd, self.fd, inheritable=os.get_inheritable(self.fd))
            os.close(fd)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process holds of its files."""

    folder: str
    files: tuple[OpenFile, ...]

    @staticmethod
    def now(held: Mapping[int, str]) -> Surroundings:
        """`held`: what `descriptors` gives."""
        try:
            folder = str(Path.cwd())
        except FileNotFoundError:  # deleted
            folder = "/"
        return Surroundings(folder, tuple(_open_files(held)))

    def take_up(self) -> None:
        """After the files below the same paths have become others."""
        with contextlib.suppress(OSError):  # not copied
            os.chdir(self.folder)
        for file in self.files:
            file.open_again()


class ObstacleError(Exception):
    """Why a process cannot be copied now."""


def check() -> None:
    """A copy has one thread: locks that another one holds would stay locked for ever, and OpenMP waits for its own.

    Raises:
        ObstacleError: there are more.
    """
    for pause in (0, 0.001, 0.005, 0.02):  # the kernel is a moment behind a `join`
        time.sleep(pause)
        if (count := _threads()) == 1:
            return
    named = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    others = [f"{count - 1 - len(named)} of a library"] if count - 1 > len(named) else []
    names = ", ".join([*named[:5], *others])
    raise ObstacleError(f"{count - 1} more threads are running ({names}); a copy would not have them")


def notes(files: Iterable[OpenFile], held: Mapping[int, str]) -> list[str]:
    """What will not be the same in a copy, in words for people and models."""
    found = list[str]()
    if databases := sorted({file.path for file in files if _is_database(file)}):
        found.append(f"open SQLite files can be read but not written; connect again: {', '.join(databases[:5])}")
    if sockets := sum(path.startswith("socket:") for path in held.values()):
        found.append(f"{sockets} open sockets are shared with the original")
    if programs := _programs():
        found.append(f"{programs} that it started are the original's only")
    return found


def fork() -> int:
    """Copy this process beside itself; 0 in the copy."""
    state = random.getstate()
    with _stop_and_go():
        pid = linux.fork_sibling()
    if pid:
        return pid
    linux.die_with_parent()
    os.setsid()
    random.setstate(state)  # Python has seeded it anew, but a copy is to go on like the original
    return 0


@contextlib.contextmanager
def _stop_and_go() -> Generator[None]:
    """For a fork during which the session's init may stop all processes and let them go on, as when a branch ends.

    What is sent to all meanwhile reaches the child after the fork, but Linux drops the SIGCONT of a process that would
    ignore it, and the child would be stopped for ever. What is blocked is not dropped.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def move_to(root: int) -> None:
    """Live in another tree of files from now on."""
    os.fchdir(root)
    os.chroot(".")
    os.close(root)


def _open_files(held: Mapping[int, str]) -> Iterator[OpenFile]:
    """The regular files that are open by a path."""
    for fd, path in held.items():
        if path == procless.SOMEWHERE or (path.startswith("/") and Path(path).is_file()):  # no devices, none deleted
            with contextlib.suppress(OSError):  # a path that is not the agent's to open
                yield OpenFile(fd, path, fcntl.fcntl(fd, fcntl.F_GETFL), os.lseek(fd, 0, os.SEEK_CUR))


def descriptors(private: Collection[int]) -> dict[int, str]:
    """What each descriptor of the agent's code means; `private` ones are not its own."""
    try:
        links = list(Path("/proc/self/fd").iterdir())
    except FileNotFoundError:
        return {fd: meaning for fd, meaning in procless.descriptors().items() if fd not in private}
    found = dict[int, str]()
    for link in links:
        if int(link.name) not in private:
            with contextlib.suppress(OSError):  # the one that listed them
                found[int(link.name)] = str(link.readlink())
    return found


def _threads() -> int:
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except FileNotFoundError:
        return procless.threads()


def _is_database(file: OpenFile) -> bool:
    with contextlib.suppress(OSError):
        return os.pread(file.fd, len(_SQLITE), 0) == _SQLITE
    return False


def _programs() -> str:
    try:
        count = len(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())
    except FileNotFoundError:
        return "programs" if procless.has_children() else ""
    except OSError:
        return ""
    return f"{count} programs" if count else ""
