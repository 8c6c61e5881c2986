"""Files of a workspace as their user sees them: without what the sandbox keeps there for its own use."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.errors import NotFoundError, TransferError
from codeact.sandbox.base import FileInfo, Session

_OURS = ".codeact/"  # what the sandbox puts there
_PATIENCE = 10.0  # seconds; the code of an agent may have replaced what removes a file


def is_ours(file: FileInfo) -> bool:
    return file.path.startswith(_OURS)


async def files_of(session: Session) -> Sequence[FileInfo]:
    return [file for file in await session.files() if not is_ours(file)]


async def remove_from(session: Session, path: str) -> None:
    """Remove a file; nothing else may run in the session.

    Raises:
        NotFoundError: there is none of that path.
        TransferError: it stays, whatever the reason.
    """
    if not await _has(session, path):
        raise NotFoundError(f"there is no file {path!r}")
    place = f"{session.info.workspace}/{path}"
    ran = await session.run(f"__import__('os').unlink({place!r})", time_limit=_PATIENCE)
    if ran.error is not None or await _has(session, path):
        raise TransferError(f"{path!r} cannot be removed: {ran.error.message if ran.error else 'it is there'}")


async def _has(session: Session, path: str) -> bool:
    return any(file.path == path for file in await files_of(session))
