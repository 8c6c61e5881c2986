"""What a chat leaves behind when it goes to sleep, and what it finds when it wakes: its variables and its files.

Files come out of the box one by one, by the session's own `get`, which follows no links, and go into a tar archive in
memory; they go back by its `put`. Nothing is ever unpacked on the host. The variables are opaque to the host, too
(`sandbox.portable`).
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from codeact.errors import SandboxError, TransferError
from codeact.sandbox import load_state, save_state
from codeact.sandbox.base import FileInfo, Session
from codeact.server.nouns import SavedSession
from codeact.server.settings import Quotas
from codeact.server.workspace import is_ours

_LATEST = 2.0**33  # seconds since 1970; a box may claim any, and none at all
_MOST_LISTED = 10_000  # files; also hidden ones, as all else that bounds a listing
_LONGEST_LIST = 2_000_000  # characters of all paths
_DEEPEST = 100  # folders inside each other
_MOST_NAMED = 200  # of what could not be saved
_NAME, _REASON = 300, 1000  # characters


@dataclass(slots=True)
class _Archive:
    """A tar archive that grows to a size at most."""

    most: int
    size: int = 0
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    buffer: io.BytesIO = field(default_factory=io.BytesIO)

    async def fill(self, session: Session) -> bytes:
        with tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            files = await session.files(hidden=True)
            for file in sorted(files, key=lambda file: (_is_hidden(file), file.size)):
                if not is_ours(file):
                    await self._add(tar, session, file)
        if _is_cut(files):
            self.skipped["further files"] = (
                f"only the first {_MOST_LISTED:,} are saved, less where paths are long or deep"
            )
        return self.buffer.getvalue()

    async def _add(self, tar: tarfile.TarFile, session: Session, file: FileInfo) -> None:
        if self.size + file.size > self.most:
            self._skip(file, f"it has {file.size:,} bytes, more than were left of {self.most:,}")
            return
        try:
            data = await session.get(file.path)
        except TransferError as error:  # no plain file (any more)
            self._skip(file, str(error))
            return
        if self.size + len(data) > self.most:  # it has grown meanwhile
            self._skip(file, f"it has {len(data):,} bytes, more than were left of {self.most:,}")
            return
        self.size += len(data)
        member = tarfile.TarInfo(file.path)
        member.size, member.mtime = len(data), file.modified if abs(file.modified) < _LATEST else 0
        try:
            tar.addfile(member, io.BytesIO(data))
        except ValueError:
            self._skip(file, "its name cannot be written")

    def _skip(self, file: FileInfo, reason: str) -> None:
        self.skipped[f"file {file.path}"] = reason


def _is_hidden(file: FileInfo) -> bool:
    return any(part.startswith(".") for part in file.path.split("/"))


def _is_cut(files: Sequence[FileInfo]) -> bool:
    """Whether there may be more than a session lists: see `sandbox.box.files`."""
    lengths, deepest = sum(len(file.path) for file in files), max((file.path.count("/") for file in files), default=0)
    return len(files) >= _MOST_LISTED or lengths >= _LONGEST_LIST or deepest >= _DEEPEST


async def save(session: Session, chat: str, head: str | None, quotas: Quotas) -> SavedSession:
    """Variables and files of a session, as far as they can be saved; the rest is named in `skipped`.

    Raises:
        SandboxError: the machinery failed; nothing can be saved.
    """
    skipped = dict[str, str]()
    state = None
    try:
        saved = await save_state(session, most=quotas.saved_state)
        state = saved.data
        skipped |= saved.skipped
    except TransferError as error:
        skipped["all variables"] = str(error)
    archive = _Archive(quotas.saved_files)
    files = await archive.fill(session)
    skipped |= archive.skipped
    return SavedSession(chat=chat, head=head, state=state, files=files, skipped=named(skipped), saved=datetime.now(UTC))


def named(skipped: Mapping[str, str]) -> dict[str, str]:
    """As much of it as is told and kept: whoever makes the names may make millions."""
    some = {name[:_NAME]: reason[:_REASON] for name, reason in islice(skipped.items(), _MOST_NAMED)}
    return {**some, **({"more": f"{more:,} others"} if (more := len(skipped) - len(some)) > 0 else {})}


async def load(session: Session, saved: SavedSession) -> dict[str, str]:
    """Put files and variables back into a fresh session. What could not be, with the reason.

    Raises:
        SandboxError: the machinery failed.
    """
    skipped = dict[str, str]()
    async for path, data in _members(saved.files):
        try:
            await session.put(path, data)
        except TransferError as error:
            skipped[f"file {path}"] = str(error)
    if saved.state is not None:
        try:
            loaded = await load_state(session, saved.state)
        except TransferError as error:
            return {**skipped, "all variables": str(error)}
        skipped |= loaded.skipped
    return skipped


async def _members(archive: bytes) -> AsyncIterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for member in tar:
                if member.isreg() and (file := tar.extractfile(member)) is not None:
                    yield member.name, file.read()
    except tarfile.TarError as error:
        raise SandboxError(f"the files of the sleeping chat cannot be read: {error}") from error
