"""Files out of a request and into one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import anyio
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from codeact.sandbox.base import FileInfo, Session
from codeact.server.openai.errors import InvalidRequestError

_MOST_FIELDS = 20
_CHUNK = 256 * 1024
# Whatever a file holds, a browser is to take it for nothing that it could show or run.
_HEADERS = {"x-content-type-options": "nosniff", "content-disposition": "attachment", "cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: its one file, if there is one, and its fields."""

    name: str | None
    data: bytes
    fields: dict[str, str]


async def read_form(request: Request) -> Form:
    """Raises `InvalidRequestError` for what is no such body."""
    async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
        texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        file = form.get("file")
        if isinstance(file, UploadFile):
            return Form(file.filename or "file", await file.read(), texts)
        return Form(None, b"", texts)


def needed(form: Form) -> str:
    """The name of its file. Raises `InvalidRequestError` where there is none."""
    if form.name is None:
        raise InvalidRequestError("give the file as the field `file` of a multipart form", param="file")
    return form.name


class Download(StreamingResponse):
    """A file that is deleted once it has been sent, or the client has gone."""

    def __init__(self, place: Path) -> None:
        super().__init__(content=_chunks(place), media_type="application/octet-stream", headers=_HEADERS)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.unlink(missing_ok=True)


async def _chunks(place: Path) -> AsyncGenerator[bytes]:
    async with await anyio.open_file(place, "rb") as opened:
        while chunk := await opened.read(_CHUNK):
            yield chunk


async def download(session: Session, file: FileInfo, folder: Path) -> Download:
    """A file of a session, by way of the disk: it may be larger than what should be held in memory.

    Raises:
        TransferError: it cannot be read.
    """
    place = folder / f"download-{uuid4().hex}"
    await session.get(file.path, to=place)
    return Download(place)


def attachment(data: bytes) -> Response:
    return Response(data, media_type="application/octet-stream", headers=_HEADERS)
