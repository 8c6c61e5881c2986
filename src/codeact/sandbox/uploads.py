"""What is put into a workspace, in pieces that fit into a frame."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio

from codeact.errors import TransferError
from codeact.sandbox.box.files import CHUNK


async def chunks(data: bytes | Path, most: int) -> AsyncGenerator[bytes, None]:
    """At least one chunk, which may be empty.

    Raises:
        TransferError: too much, or a host file that cannot be read; it says the file's name and not where it lies,
        because a service's users may read it.
    """
    if isinstance(data, bytes):
        if len(data) > most:
            raise TransferError(f"{len(data):,} bytes do not fit: the workspace has room for {most:,}")
        for start in range(0, max(1, len(data)), CHUNK):
            yield data[start : start + CHUNK]
        return
    source = anyio.Path(data)
    try:
        if not await source.is_file():
            raise TransferError(f"{data.name!r} is not a file")
        if (size := (await source.stat()).st_size) > most:
            raise TransferError(f"{data.name!r} has {size:,} bytes, but the workspace has room for {most:,}")
        async with await source.open("rb") as file:
            yield await file.read(CHUNK)
            while chunk := await file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise TransferError(f"{data.name!r} cannot be read: {error.strerror}") from error
