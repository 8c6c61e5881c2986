"""Files that a user gives a chat: kept beside it, so that a run can be had again with what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codeact.errors import QuotaError, UsageError
from codeact.server.nouns import Chat
from codeact.server.shared import Shared
from codeact.server.wire import Medium
from codeact.types import JSON, Trajectory

_LONGEST_NAME = 255  # bytes, of any file system


@dataclass(frozen=True, slots=True)
class Given:
    """A file for the workspace; it is kept in the store."""

    path: str
    digest: str  # sha256
    data: bytes = field(repr=False)

    @property
    def noted(self) -> JSON:
        """As it stands in a trajectory's `agent["files"]`."""
        return {"path": self.path, "size": len(self.data), "sha256": self.digest}


async def keep_given(shared: Shared, chat: Chat, files: Sequence[tuple[str, bytes]]) -> list[Given]:
    """Keep the bytes of files, and note in the audit log that they were given.

    Raises:
        UsageError: a name that is none, or two of one name.
        QuotaError: a file is too large, or the user has no room left.
        StoreError: they cannot be kept.
    """
    most = shared.settings.quotas.upload
    for name, data in files:
        if (
            not name
            or "\0" in name
            or any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in name.split("/"))
        ):
            raise UsageError(f"{name!r} is no name for a file")
        if len(data) > most:
            raise QuotaError(f"{name!r} has {len(data):,} bytes, and a file may have {most:,}")
    if len({name for name, _ in files}) < len(files):
        raise UsageError("two files have the same name; give one of them another")
    if files:
        await shared.admit(chat.owner, size=sum(len(data) for _, data in files))
    return [await _keep(shared, chat, name, data) for name, data in files]


async def _keep(shared: Shared, chat: Chat, name: str, data: bytes) -> Given:
    medium = Medium.of("application/octet-stream", data)
    await shared.store.keep_media(chat.id, medium.digest, medium.kind, data)
    await shared.note(chat.owner, chat.id, "upload", path=name, size=len(data), sha256=medium.digest)
    return Given(name, medium.digest, data)


def given_to(trajectory: Trajectory | None) -> dict[str, str]:
    """What the user has given for a run: path to sha256."""
    noted: JSON = trajectory.agent.get("files", []) if trajectory else []
    return {row["path"]: row["sha256"] for row in noted}


async def given_again(shared: Shared, chat: str, trajectory: Trajectory | None) -> list[Given]:
    """The files of a run, for another that is to begin like it. Raises `StoreError`."""
    again = list[Given]()
    for path, digest in given_to(trajectory).items():
        if (found := await shared.store.media(chat, digest)) is not None:
            again.append(Given(path, digest, found[1]))
    return again
