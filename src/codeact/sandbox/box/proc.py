"""What /proc tells the trusted processes of a box about themselves and their kin.

A container that has covered parts of its /proc lets nobody mount a new one, in which they would show. There the tree of
a box has no /proc but some files about the machine, and the fork server and the first process of a session hold the
container's own by a descriptor, which a worker closes before it runs anything of an agent's: it shows the command lines
of all that runs in the container.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

OF_THE_MACHINE = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version")  # nothing of processes


@dataclass(frozen=True, slots=True)
class Proc:
    """One /proc. Names are relative to it, as in `self/maps`; each method raises OSError with the kernel's reason."""

    fd: int | None = None  # of a folder; None for what is mounted at /proc

    @property
    def held(self) -> bool:
        """Whether it is that of a container around this box, by whose numbers it knows processes."""
        return self.fd is not None

    def read(self, name: str) -> str:
        with open(self._path(name), opener=self._open, encoding="utf-8", errors="replace") as file:
            return file.read()

    def opened(self, name: str) -> BinaryIO:
        """To be read without a buffer, and closed by the caller."""
        return cast("BinaryIO", open(self._path(name), "rb", buffering=0, opener=self._open))

    def write(self, name: str, text: str) -> None:
        with open(self._path(name), "w", opener=self._open, encoding="utf-8") as file:
            file.write(text)

    def names(self, folder: str) -> list[str]:
        fd = os.open(self._path(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            return os.listdir(fd)  # noqa: PTH208 (a path has no descriptor to be relative to)
        finally:
            os.close(fd)

    def stat(self, name: str) -> os.stat_result:
        return os.stat(self._path(name), dir_fd=self.fd)

    def let_go(self) -> None:
        """In a process that will run an agent's code."""
        if self.fd is not None:
            os.close(self.fd)

    def _path(self, name: str) -> str:
        return name if self.held else f"/proc/{name}"

    def _open(self, path: str, flags: int) -> int:
        return os.open(path, flags | os.O_CLOEXEC, dir_fd=self.fd)


MOUNTED = Proc()


def hold(folder: Path) -> Proc:
    """Hold a /proc by a descriptor.

    Raises:
        OSError: this process is not in it, or the kernel does not list a process's children.
    """
    proc = Proc(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    try:
        proc.read("thread-self/children")
    except OSError:
        proc.let_go()
        raise
    return proc
