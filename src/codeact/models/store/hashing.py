"""The sha256 of a large file, without holding up the event loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from anyio import to_thread

from codeact.errors import WeightsError
from codeact.models.weights import MiB

BLOCK = 16 * MiB  # one turn of the worker thread, a few milliseconds


async def sha256_of(file: Path, report: Callable[[int], None]) -> str:
    """Hex digest; `report` is told how many bytes are done.

    Raises:
        WeightsError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with file.open("rb") as data:
            report(0)
            while block := await to_thread.run_sync(data.read, BLOCK):
                await to_thread.run_sync(digest.update, block)
                report(data.tell())
    except OSError as error:
        raise WeightsError(f"cannot read {str(file)!r}: {error.strerror}") from error
    return digest.hexdigest()
