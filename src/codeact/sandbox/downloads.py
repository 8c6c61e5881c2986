"""What is taken out of a workspace: piece by piece, so that the host never holds more than one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread

from codeact.errors import TransferError
from codeact.sandbox.box.frames import Blob

Pieces = AsyncGenerator[Blob, None]
ReadAt = Callable[
    [int], Awaitable[tuple[int, Blob]]
]  # given an offset: the size of the file, and some bytes from there


async def pieces(read: ReadAt, path: str, most: int) -> Pieces:
    """The file of the workspace that `read` reads; `path` is its name. Raises TransferError beyond `most` bytes: sizes
    are the box's claims, and a file may change while it is read.
    """
    done, size = 0, 1
    while done < size:
        size, piece = await read(done)
        if (claimed := max(size, done + len(piece))) > most:
            raise TransferError(f"{path!r} says it holds {claimed:,} bytes, more than the workspace can ({most:,})")
        if not piece:
            return  # it has become shorter meanwhile
        done += len(piece)
        yield piece


async def collected(pieces: Pieces) -> bytes:
    data = bytearray()
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            data += piece
    return bytes(data)


async def saved(pieces: Pieces, to: Path) -> int:
    """Write a new file of the host; how many bytes it has. It appears under its name when it is whole; after a failure
    or when cancelled nothing is left of it.

    Raises:
        TransferError: something has that name already, a link included, or it cannot be written.
    """
    size = 0
    async with contextlib.aclosing(pieces):
        with _made_whole(to) as file:
            async for piece in pieces:
                await anyio.to_thread.run_sync(file.write, piece)
                size += len(piece)
    return size


@contextlib.contextmanager
def _made_whole(path: Path) -> Generator[BinaryIO]:
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if os.path.lexists(path):  # before anything is fetched
            raise FileExistsError
        with partial.open("xb") as file:
            yield file
        path.open("xb").close()  # takes the name, which a rename alone would take from whatever has it
        partial.replace(path)
    except FileExistsError:
        raise TransferError(f"{str(path)!r} exists, and nothing is written over it; give another name") from None
    except OSError as error:
        raise TransferError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):  # it has its name, or was never made
            partial.unlink()
