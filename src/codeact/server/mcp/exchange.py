"""Files between a workspace and what is outside: a message, or the one folder of the host that its owner shares.

A name within that folder is all that a client can say of the host. No link is followed in it and nothing is replaced,
so that neither a client nor what a box has written reaches further than the owner has said.
"""

from __future__ import annotations

from pathlib import Path

import anyio

from codeact.errors import TransferError, UsageError
from codeact.sandbox.base import Session


async def get(session: Session, path: str, limit: int) -> bytes:
    """A file of the workspace that is to fit into a message.

    Raises:
        TransferError: no such file, or one that is too large; then nothing of it is read.
    """
    sizes = {file.path: file.size for file in await session.files()}
    if (size := sizes.get(path.removeprefix("./"), 0)) > limit:
        raise TransferError(f"{path!r} has {size:,} bytes, more than one message may hold ({limit:,}); use code")
    return await session.get(path)


async def bring_in(session: Session, folder: Path | None, name: str) -> int:
    """Copy a file of the shared folder into the workspace; how many bytes it has.

    Raises:
        UsageError: nothing is shared, or this is no plain file's name there.
        TransferError: there is no room.
    """
    source = anyio.Path(_within(folder, name))
    if await source.is_symlink() or not await source.is_file():
        raise UsageError(f"the shared folder has no file {name!r}")
    await session.put(name, Path(source))
    return (await source.stat()).st_size


async def take_out(session: Session, folder: Path | None, name: str) -> int:
    """Copy a file of the workspace into the shared folder; how many bytes it has.

    Raises:
        UsageError: nothing is shared, or this is no plain name.
        TransferError: there is no such file, or one of that name is in the folder.
    """
    return await session.get(name, to=_within(folder, name))


def _within(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise UsageError("no folder of the host is shared")
    if name in {".", ".."} or "/" in name or "\\" in name or not name.isprintable():
        raise UsageError(f"{name!r} is no plain name of a file; the shared folder is used without its subfolders")
    return folder / name
