"""Files out of a request."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import anyio
from starlette.datastructures import UploadFile
from starlette.requests import Request

from codeact.server.openai.errors import InvalidRequestError

_MOST_FIELDS = 20
_PIECE = 256 * 1024  # bytes
# Whatever a file holds, a browser is to take it for nothing that it could show or run.
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "content-disposition": "attachment",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: its one file, and its fields."""

    file: UploadFile  # on the disk, where it is large
    fields: dict[str, str]

    @property
    def name(self) -> str:
        return self.file.filename or "file"

    @property
    def size(self) -> int:
        return self.file.size or 0

    async def save(self, place: Path) -> None:
        """Write the file there."""
        async with await anyio.open_file(place, "wb") as target:
            while piece := await self.file.read(_PIECE):
                await target.write(piece)

    @asynccontextmanager
    async def saved(self, folder: Path) -> AsyncGenerator[Path]:
        """For the body, the file lies there."""
        place = folder / f"upload-{uuid4().hex}"
        try:
            await self.save(place)
            yield place
        finally:
            place.unlink(missing_ok=True)


@asynccontextmanager
async def form_of(request: Request) -> AsyncGenerator[Form]:
    """For the body, what a request gives. Raises `InvalidRequestError` for what is no such form, or has no file."""
    async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequestError("give the file as the field `file` of a multipart form", param="file")
        yield Form(file, {name: value for name, value in form.multi_items() if isinstance(value, str)})
