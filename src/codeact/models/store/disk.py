"""What every write to the model store needs: room, one writer at a time, and a clear sentence when either fails."""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TextIO

import anyio

from codeact.errors import WeightsError

PARTIALS, LOCKS = ".partial", ".locks"  # folders of the store
LOCK_POLL = 0.1  # seconds
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
ELSEWHERE = "free some space, or set CODEACT_HOME to a folder on another disk"


class DiskError(WeightsError):
    """The store cannot be written: no other source of the weights would help."""


def check_room(folder: Path, needed: int) -> None:
    """Fail before the first byte is written rather than after the last that fits.

    Raises:
        DiskError: fewer than `needed` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        place = _shown(folder)
        raise DiskError(f"not enough space in {place}: {needed:,} bytes needed, {free:,} free; remedy: {ELSEWHERE}")


@contextmanager
def writing_to(folder: Path) -> Generator[None]:
    """Turn the system's refusals to write into sentences for people.

    Raises:
        DiskError: the disk is full or the folder may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise full(folder) from error
        raise DiskError(f"cannot write to the model store {_shown(folder)}: {error.strerror or error}") from error


def full(folder: Path) -> DiskError:
    free = shutil.disk_usage(folder).free
    return DiskError(f"the disk of {_shown(folder)} is full, {free:,} bytes are free; remedy: {ELSEWHERE}")


def _shown(folder: Path) -> Path:
    """The store, for people: what lies in its hidden folders is its own business."""
    hidden = (at for at, part in enumerate(folder.parts) if part in {PARTIALS, LOCKS})
    return Path(*folder.parts[: next(hidden, None)])


@asynccontextmanager
async def locked(path: Path, waiting: Callable[[], None]) -> AsyncGenerator[None]:
    """Hold a lock that the kernel drops with the process, however that ends; calls `waiting` while another holds it."""
    with _opened(path) as file:
        while not _try_lock(file.fileno()):
            waiting()
            await anyio.sleep(LOCK_POLL)
        yield


@contextmanager
def locked_now(path: Path) -> Generator[None]:
    """As `locked`, for what cannot wait.

    Raises:
        DiskError: another process holds it.
    """
    with _opened(path) as file:
        if not _try_lock(file.fileno()):
            raise DiskError(f"another process is writing {path.name} in this moment; remedy: wait for it, or end it")
        yield


def _opened(path: Path) -> TextIO:
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
