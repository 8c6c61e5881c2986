"""A folder that is gone with its process, however that ends: what a killed one left, the next that starts removes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio import to_thread

_PREFIX, _LOCK = "codeact-uploads-", "lock"
_YOUNG = 60.0  # seconds; without a lock, a folder may be one that is just being made


@asynccontextmanager
async def scratch() -> AsyncGenerator[Path]:
    """The folder, for the body; nobody else may read it."""
    await to_thread.run_sync(_sweep)
    folder, lock = await to_thread.run_sync(_make)
    try:
        yield folder
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(_remove, folder, lock)


def _make() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):  # whoever sweeps was quicker
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return folder, lock
        os.close(lock)


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _sweep() -> None:
    """Remove the folders of this user whose lock nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another's, in use, or gone meanwhile
            found = folder.lstat()
            if found.st_uid == os.geteuid() and not folder.is_symlink():
                _take(folder, young=time.time() - found.st_mtime < _YOUNG)


def _take(folder: Path, *, young: bool) -> None:
    """Raises `OSError` where it is in use."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        if not young:
            shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
