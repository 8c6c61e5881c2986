"""`/v1/files`: what users upload to give it to containers and messages. On disk, as long as the process at most."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import anyio

from codeact.errors import NotFoundError, QuotaError
from codeact.server.openai.errors import InvalidRequestError
from codeact.server.openai.said import Attachment, Prompt, file_name
from codeact.server.openai.uploading import Form
from codeact.server.settings import Quotas
from codeact.server.shared import Shared
from codeact.types import JSON

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    id: str
    owner: str
    name: str
    size: int  # bytes
    purpose: str
    created: float  # seconds since the epoch, for people
    lasts: float  # seconds
    until: float  # of the event loop's clock, which nobody can put back

    @property
    def card(self) -> dict[str, JSON]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": int(self.created),
            "expires_at": int(self.created + self.lasts),
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass(slots=True)
class Uploads:
    """All uploaded files. Another user's id is as unknown as one that there never was."""

    folder: Path
    shared: Shared
    kept: dict[str, Upload] = field(default_factory=dict[str, Upload])

    async def add(self, owner: str, form: Form, *, lasts: float | None = None) -> Upload:
        """Keep a file for so many seconds; None is as long as is allowed, which is also the most.

        Raises:
            InvalidRequestError: it is no file. QuotaError: there is no more room for this user.
        """
        await self.expire()
        name, purpose = file_name(form.name, param="file"), form.fields.get("purpose", "")
        if purpose not in PURPOSES:
            raise InvalidRequestError(f"purpose is one of {', '.join(PURPOSES)}", param="purpose")
        await self._check_room(owner, form.size)
        lasts = min(lasts or self.quotas.keep, self.quotas.keep)
        upload = Upload(
            id=f"file-{uuid4().hex}",
            owner=owner,
            name=name,
            size=form.size,
            purpose=purpose,
            created=time.time(),
            lasts=lasts,
            until=anyio.current_time() + lasts,
        )
        self._enter(upload)  # before it is written, so that many at once are not too many
        try:
            await form.save(self.place(upload))
        except BaseException:
            self._leave(upload)
            raise
        return upload

    @property
    def quotas(self) -> Quotas:
        return self.shared.settings.quotas

    def _enter(self, upload: Upload) -> None:
        self.kept[upload.id] = upload
        self.shared.ledger.beside[upload.owner] += upload.size

    def _leave(self, upload: Upload) -> None:
        if self.kept.pop(upload.id, None) is not None:
            self.shared.ledger.beside[upload.owner] -= upload.size

    async def _check_room(self, owner: str, size: int) -> None:
        if size > self.quotas.upload:
            raise InvalidRequestError(f"a file may have {self.quotas.upload:,} bytes", param="file")
        await self.shared.admit(owner, size=size)
        if len(self.of(owner)) >= self.quotas.own_files or len(self.kept) >= self.quotas.files:
            raise QuotaError("there are too many uploaded files; delete some")

    def of(self, owner: str) -> Sequence[Upload]:
        """Oldest first."""
        now = anyio.current_time()
        return [each for each in self.kept.values() if each.owner == owner and each.until > now]

    def find(self, owner: str, id: str) -> Upload:
        """Raises `NotFoundError` where this user has no such file."""
        found = self.kept.get(id)
        if found is None or found.owner != owner or found.until <= anyio.current_time():
            raise NotFoundError(f"there is no file {id[:100]!r}")
        return found

    def located(self, owner: str, prompt: Prompt) -> Prompt:
        """The same, with the place of each file that is named by its id. Nothing is read yet, and each upload is given
        once, however often it is named: so they are together no more than a user may have.

        Raises:
            NotFoundError: this user has no such file. InvalidRequestError: there are too many files.
        """
        files = tuple(
            dict.fromkeys(file if file.data is not None else self._located(owner, file) for file in prompt.files)
        )
        if len(files) > self.quotas.own_files:
            raise InvalidRequestError(f"a request may come with {self.quotas.own_files:,} files, not {len(files):,}")
        return replace(prompt, files=files)

    def _located(self, owner: str, file: Attachment) -> Attachment:
        upload = self.find(owner, file.id)
        return Attachment(upload.name, self.place(upload), upload.id)

    async def delete(self, owner: str, id: str) -> None:
        """Raises `NotFoundError` where this user has no such file."""
        await self._drop(self.find(owner, id))

    async def expire(self) -> None:
        """Let go of what is too old."""
        now = anyio.current_time()
        for upload in [each for each in self.kept.values() if each.until <= now]:
            await self._drop(upload)

    async def _drop(self, upload: Upload) -> None:
        self._leave(upload)
        await anyio.Path(self.place(upload)).unlink(missing_ok=True)

    def place(self, upload: Upload) -> Path:
        """Where it lies."""
        return self.folder / upload.id  # never the user's name for it
