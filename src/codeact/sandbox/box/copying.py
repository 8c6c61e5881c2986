"""Copies of a session's files, for checkpoints and branches.

The files belong to an agent and may change meanwhile, so nothing of them is followed or trusted: folders are walked by
descriptor, links are copied as links, holes stay holes, and whatever is on another file system is left out.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from .files import FileError

_MAX_DEPTH = 100  # folders inside each other; `os.fwalk` calls itself for each
_MAX_FILES = 100_000
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_tree(source: str, target: str) -> list[str]:
    """Copy all that is below one folder into another, empty one. What could not be copied, as paths.

    Raises:
        FileError: no room, too many files or too deep.
    """
    try:
        return _Copy(source, target).run()
    except OSError as error:
        raise FileError(f"the files cannot be copied: {error.strerror or error}") from None


class _Copy:
    def __init__(self, source: str, target: str) -> None:
        self._source = source
        self._target = Path(target)
        self._device = Path(source).stat().st_dev
        self._linked = dict[int, Path]()  # inode to the copy of a file that has several names
        self._left_out = list[str]()
        self._count = 0

    def run(self) -> list[str]:
        for folder, folders, names, fd in os.fwalk(self._source):
            inside = Path(os.path.relpath(folder, self._source))
            if len(inside.parts) > _MAX_DEPTH:
                raise FileError(f"there are folders more than {_MAX_DEPTH} deep")
            folders[:] = [name for name in folders if self._is_folder(name, inside, fd)]
            for name in names:
                self._file(name, inside, fd)
        return self._left_out

    def _is_folder(self, name: str, inside: Path, parent: int) -> bool:
        """Whether to go into it; a link to a folder is copied here."""
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            self._file(name, inside, parent)
        elif info.st_dev == self._device:
            self._new(inside / name).mkdir(mode=stat.S_IMODE(info.st_mode) | stat.S_IRWXU)
            return True
        return False

    def _file(self, name: str, inside: Path, parent: int) -> None:
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
            path = self._new(inside / name)
            if stat.S_ISLNK(info.st_mode):
                path.symlink_to(os.readlink(name, dir_fd=parent))
            elif stat.S_ISFIFO(info.st_mode):
                os.mkfifo(path, stat.S_IMODE(info.st_mode))
            elif stat.S_ISREG(info.st_mode) and info.st_dev == self._device:
                self._regular(name, parent, info, path)
            else:
                self._left_out.append(str(inside / name))

    def _regular(self, name: str, parent: int, info: os.stat_result, path: Path) -> None:
        if info.st_nlink > 1:
            if other := self._linked.get(info.st_ino):
                path.hardlink_to(other)
                return
            self._linked[info.st_ino] = path
        source = os.open(name, _READ, dir_fd=parent)
        try:
            target = os.open(path, _WRITE, stat.S_IMODE(info.st_mode))
            try:
                _copy_data(source, target, os.fstat(source).st_size)
                os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _new(self, inside: Path) -> Path:
        self._count += 1
        if self._count > _MAX_FILES:
            raise FileError(f"there are more than {_MAX_FILES:,} files")
        return self._target / inside


def _copy_data(source: int, target: int, size: int) -> None:
    """The data and the holes between; a file that grows meanwhile is cut at `size`."""
    start = 0
    while start < size:
        try:
            start = os.lseek(source, start, os.SEEK_DATA)
        except OSError:  # ENXIO: nothing but a hole until the end
            break
        end = min(size, os.lseek(source, start, os.SEEK_HOLE))
        os.lseek(target, start, os.SEEK_SET)
        while start < end and (count := os.sendfile(target, source, start, end - start)):
            start += count
        if start < end:  # it has become shorter
            break
    os.ftruncate(target, size)
