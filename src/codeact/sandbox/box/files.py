"""Files of a workspace, moved in and out by a process inside the box, so that no path of an agent is ever followed on
the host.

Every step of a path is opened relative to the one before without following links; only regular files are read or
written. Each request is one bounded chunk and keeps no state.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from typing import Any

CHUNK = 4 * 1024 * 1024  # bytes in one request
_MAX_LISTED = 10_000
_MAX_DEPTH = 100  # folders inside each other; `os.fwalk` calls itself for each
_MAX_TEXT = 2_000_000  # characters of all paths; escaped, they have to fit into one frame
_HOLES = 1024 * 1024  # bytes that a file may claim and not hold
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC


_WORDS = {
    errno.ELOOP: "it is a link, and links are not followed",
    errno.ENOSPC: "the workspace is full; remove files, or open the session with a larger Limits(workspace=…)",
    errno.ENXIO: "it is not a regular file",
}


class FileError(Exception):
    """Cannot be done; the text says which path and why."""


def write(workspace: str, path: str, data: bytes, *, start: bool) -> None:
    """Make the file anew (`start`) or append to it; folders on the way are made.

    Raises:
        FileError: the path leaves the workspace or is no place for a file, or there is no room.
    """
    with _problems(path), _parent(workspace, path, make=True) as (folder, name):
        if start:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
        flags = os.O_WRONLY | _NO_LINK | (os.O_CREAT | os.O_EXCL if start else os.O_APPEND | os.O_NONBLOCK)
        fd = os.open(name, flags, 0o644, dir_fd=folder)
        try:
            _regular(fd)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)


def read(workspace: str, path: str, offset: int) -> tuple[int, bytes]:
    """The file's size and one chunk of it.

    Raises:
        FileError: no such regular file.
    """
    with _problems(path), _parent(workspace, path, make=False) as (folder, name):
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=folder)
        try:
            return _whole(_regular(fd)).st_size, os.pread(fd, CHUNK, offset)
        finally:
            os.close(fd)


def listing(workspace: str, *, hidden: bool = False) -> list[list[Any]]:
    """[path, size, time of change] of the regular files, sorted. Left out: hidden ones (a leading dot), if they are not
    wanted, and what is more than 10,000 files, 100 folders deep or 2 million characters of paths.
    """
    found, room = list[list[Any]](), _MAX_TEXT
    for folder, folders, names, fd in os.fwalk(workspace):
        folders[:] = sorted(name for name in folders if hidden or not name.startswith("."))
        if folder.count("/") - workspace.count("/") >= _MAX_DEPTH:
            folders.clear()
        for name in sorted(names):
            with contextlib.suppress(OSError):  # gone since it was listed
                info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if stat.S_ISREG(info.st_mode) and (hidden or not name.startswith(".")):
                    path = os.path.relpath(os.path.join(folder, name), workspace)  # noqa: PTH118
                    found.append([path, info.st_size, info.st_mtime])
                    room -= len(path)
            if len(found) >= _MAX_LISTED or room < 0:
                return found
    return found


@contextlib.contextmanager
def _parent(workspace: str, path: str, *, make: bool) -> Generator[tuple[int, str]]:
    *folders, name = _parts(path)
    fd = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)  # an agent may have put a link in its place
    try:
        for folder in folders:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, 0o755, dir_fd=fd)
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd, name
    finally:
        os.close(fd)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or not parts or "\0" in path:
        raise FileError(f"{path!r} is not a path inside the workspace; give one relative to it, without '..'")
    return parts


def _regular(fd: int) -> os.stat_result:
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        raise OSError("it is not a regular file")
    return info


def _whole(info: os.stat_result) -> os.stat_result:
    """A file mostly of holes costs an agent nothing and its reader all it claims. (Compressing file systems hold less
    than they show, so twice as much may be claimed.)
    """
    held = info.st_blocks * 512
    if info.st_size > 2 * held + _HOLES:
        raise OSError(f"it is a sparse file: of {info.st_size:,} bytes it holds {held:,}; write it in full, or pack it")
    return info


@contextlib.contextmanager
def _problems(path: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(f"{path!r}: {_WORDS.get(error.errno or 0) or error.strerror or error}") from None
    except ValueError as error:  # a surrogate or a NUL in the name
        raise FileError(f"{path!r}: {error}") from None
