"""Which file of weights this is: its sha256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from codeact.errors import WeightsError
from codeact.models.store.entries import read_entry


def fingerprint(path: Path) -> str:
    """The sha256 of a file. The store knows those of its own; for another, every byte is read.

    Raises:
        WeightsError: the file cannot be read, or the store's record of it.
    """
    entry = read_entry(path.parent)
    try:
        if entry is not None and entry.path == path and path.stat().st_size == entry.size:
            return entry.sha256
        with path.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read {str(path)!r}: {error.strerror}") from error
