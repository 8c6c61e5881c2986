"""What a process can learn about itself where there is no /proc: by asking the kernel for one thing after the other."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
import threading
from collections.abc import Collection, Mapping

from . import linux
from .root import FOLDERS, HOME

SOMEWHERE = "(a file)"  # open, under a path that is not one of the session's own
_OTHER = "(no file)"

File = tuple[int, int]  # device and inode


def threads() -> int:
    """At least; exact where it is one, or Python knows them all."""
    known = threading.active_count()
    return known if known > 1 or linux.is_alone() else 2


def has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def descriptors() -> dict[int, str]:
    """What each means, as the links of /proc say it: a path for the session's own files, `socket:` for sockets."""
    found = dict[int, os.stat_result]()
    for fd in range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]):
        with contextlib.suppress(OSError):
            found[fd] = os.fstat(fd)
    files = {fd: (info.st_dev, info.st_ino) for fd, info in found.items() if _is_file(info)}
    paths = _paths(set(files.values())) if files else {}
    return {fd: _meaning(info, paths) for fd, info in found.items()}


def _meaning(info: os.stat_result, paths: Mapping[File, str]) -> str:
    if stat.S_ISSOCK(info.st_mode):
        return f"socket:[{info.st_ino}]"
    return paths.get((info.st_dev, info.st_ino), SOMEWHERE) if _is_file(info) else _OTHER


def _is_file(info: os.stat_result) -> bool:
    return stat.S_ISREG(info.st_mode) and info.st_nlink > 0  # it still has a name


def _paths(wanted: Collection[File]) -> dict[File, str]:
    """Of those that lie in the session's own folders."""
    found, inodes = dict[File, str](), {inode for _, inode in wanted}
    waiting = [f"{HOME}/{name}" for name in FOLDERS]
    while waiting and len(found) < len(wanted):
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:  # closed by the agent, or gone
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.inode() in inodes:
                    info = entry.stat(follow_symlinks=False)
                    found[info.st_dev, info.st_ino] = entry.path
    return found
