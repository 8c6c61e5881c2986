"""The files of a session and of its branches, and copies of them for checkpoints. For the one process of a session that
is trusted.

`Mounted` gives each branch a root of its own: the same tree, but other files at /box/work, /tmp and /dev/shm, so that
absolute paths stay true. All roots and copies lie on one file system that is covered by another mount, and on which
this process stands, for no path leads there: code does not come across it, though a branch's worker, which may change
its root, could look into it. It is the session's own.
`Folders` is for sessions without mounts: it keeps copies, but has no branches.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from . import linux
from .confine import Allowance, private_files
from .copying import copy_tree
from .files import FileError
from .root import BRANCHES, FOLDERS, HOME, WORKSPACE

MAIN = 0  # the branch that a session begins with
_COPIES = 2  # room for copies, in workspaces
_PLAIN = linux.MS_NOSUID | linux.MS_NODEV


class Branches(Protocol):
    def workspace(self, branch: int) -> str:
        """Where the files of a branch are, for this process. Raises `FileError` for a branch that is not there."""
        ...

    def root(self, branch: int) -> str:
        """The tree that processes of a branch live in; empty for the one this process is in."""
        ...

    def device(self, branch: int) -> int | None:
        """What tells its processes from those of other branches: where their workspace is. None while there is no other
        branch.
        """
        ...

    def add(self, source: int) -> int:
        """A new branch with the files of `source`. Raises `FileError`."""
        ...

    def remove(self, branch: int) -> None:
        """Its processes have ended. The main one stays."""
        ...

    def keep(self, branch: int) -> tuple[int, list[str]]:
        """Copy its files; the number of the copy, and what could not be copied. Raises `FileError`."""
        ...

    def put_back(self, branch: int, copy: int) -> None:
        """Give a branch, whose processes have ended or sleep, the files of a copy. Raises `FileError`."""
        ...

    def drop(self, copy: int) -> None: ...

    def let_go(self) -> None:
        """In a child that will run an agent's code: forget what only the session's init may reach."""
        ...


class Mounted:
    def __init__(self, allowance: Allowance, in_tmp: Sequence[str]) -> None:
        self._allowance = allowance
        self._in_tmp = in_tmp
        self._numbers = 0  # of roots and copies; their file system is made for the first
        self._roots = {MAIN: ""}

    def workspace(self, branch: int) -> str:
        return self.root(branch) + WORKSPACE

    def root(self, branch: int) -> str:
        try:
            return self._roots[branch]
        except KeyError:
            raise FileError(f"there is no branch {branch}") from None

    def device(self, branch: int) -> int | None:
        return Path(self.workspace(branch)).stat().st_dev if len(self._roots) > 1 else None

    def add(self, source: int) -> int:
        origin = self.root(source)
        number = self._next()
        root = str(number)
        Path(root).mkdir()
        linux.mount("/", root, flags=linux.MS_BIND | linux.MS_REC)
        self._roots[number] = root
        try:
            private_files(root, self._allowance, self._in_tmp)
            for name in FOLDERS:
                copy_tree(f"{origin}{HOME}/{name}", f"{root}{HOME}/{name}")
        except BaseException:
            self.remove(number)
            raise
        return number

    def remove(self, branch: int) -> None:
        if branch != MAIN:
            root = self._roots.pop(branch)
            linux.unmount(root)
            Path(root).rmdir()

    def keep(self, branch: int) -> tuple[int, list[str]]:
        root, number = self.root(branch), self._next()
        left_out = list[str]()
        try:
            for name, mode in FOLDERS.items():
                folder = Path(str(number), name)
                folder.mkdir(mode=mode, parents=True)
                left_out += copy_tree(f"{root}{HOME}/{name}", str(folder))
        except BaseException:
            self.drop(number)
            raise
        return number, left_out

    def put_back(self, branch: int, copy: int) -> None:
        root = self.root(branch)
        for name in ("shm", "tmp", "work", "work"):  # the base lies below `work`
            linux.unmount(f"{root}{HOME}/{name}")
        private_files(root, self._allowance, self._in_tmp)
        for name in FOLDERS:
            copy_tree(f"{copy}/{name}", f"{root}{HOME}/{name}")

    def drop(self, copy: int) -> None:
        shutil.rmtree(str(copy), ignore_errors=True)

    def let_go(self) -> None:
        os.chdir("/")

    def _next(self) -> int:
        if not self._numbers:
            linux.mount("tmpfs", BRANCHES, "tmpfs", _PLAIN, f"size={_COPIES * self._allowance.workspace},mode=0700")
            linux.mount("", BRANCHES, flags=linux.MS_UNBINDABLE)  # else each root would hold all the others
            os.chdir(BRANCHES)
            linux.mount("tmpfs", BRANCHES, "tmpfs", _PLAIN, "size=4k,mode=0500")
        self._numbers += 1
        return self._numbers


class Folders:
    def __init__(self, workspace: str) -> None:
        self._workspace = Path(workspace)
        self._copies = self._workspace.parent / "copies"
        self._numbers = 0

    def workspace(self, branch: int) -> str:
        return str(self._workspace)

    def root(self, branch: int) -> str:
        return ""

    def device(self, branch: int) -> int | None:
        return None

    def add(self, source: int) -> int:
        raise FileError("this session has one set of files, so it cannot branch")

    def remove(self, branch: int) -> None:
        pass

    def keep(self, branch: int) -> tuple[int, list[str]]:
        self._numbers += 1
        folder = self._copies / str(self._numbers)
        folder.mkdir(parents=True)
        try:
            return self._numbers, copy_tree(str(self._workspace), str(folder))
        except BaseException:
            self.drop(self._numbers)
            raise

    def put_back(self, branch: int, copy: int) -> None:
        for entry in self._workspace.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        copy_tree(str(self._copies / str(copy)), str(self._workspace))

    def drop(self, copy: int) -> None:
        shutil.rmtree(self._copies / str(copy), ignore_errors=True)

    def let_go(self) -> None:
        pass
