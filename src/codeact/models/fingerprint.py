"""Which file of weights this is: its sha256."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from codeact.errors import WeightsError


def fingerprint(path: Path) -> str:
    """The sha256 of a file, for which every byte of it is read; once, as long as its size and its time stay.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        found = path.stat()
        return _read(path, found.st_size, found.st_mtime_ns, found.st_ino)
    except OSError as error:
        raise WeightsError(f"cannot read {str(path)!r}: {error.strerror}") from error


@lru_cache(maxsize=64)
def _read(path: Path, *_: int) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
