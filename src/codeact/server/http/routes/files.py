"""Files of a session's workspace, and figures of its events."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Query, Request, Response

from codeact.errors import NotFoundError, UsageError
from codeact.server.download import fetched, in_pieces
from codeact.server.http.callers import Owner
from codeact.server.http.headers import attachment, kind_shown
from codeact.server.http.paths import DIGEST, workspace_path
from codeact.server.http.service import Here, Service
from codeact.server.http.views import FileList, FileView, Id

router = APIRouter(tags=["files"])
BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
_UPLOAD = {"requestBody": {"required": True, "content": BYTES[200]["content"]}}


@router.get("/sessions/{id}/files")
async def list_files(id: Id, owner: Owner, here: Here) -> FileList:
    room = await here.house.room(id, owner=owner)
    return FileList(files=[FileView.of(each) for each in await room.files()])


@router.put("/sessions/{id}/files/{path:path}", status_code=201, openapi_extra=_UPLOAD)
async def put_file(id: Id, path: str, request: Request, owner: Owner, here: Here) -> FileView:
    """Give a file to the code; the body is its content. What comes is written to the disk
    piece by piece; it is in memory as a whole only while the database takes it.
    """
    name = _within(path)
    await here.chat(id, owner)  # before anything is read
    folder = here.house.shared.folder  # what a killed service leaves there, the next one removes
    async with anyio.NamedTemporaryFile(dir=str(folder)) as file:
        size = 0
        async for piece in request.stream():
            size += await file.write(piece)
        await file.flush()
        async with here.uploads.turn(owner):  # not before all of it is there: who sends slowly stops nobody else
            room = await here.house.room(id, owner=owner)
            await room.put(name, Path(str(file.name)))
    return FileView(path=name, size=size)


@router.get("/sessions/{id}/files/{path:path}", response_class=Response, responses=BYTES)
async def get_file(id: Id, path: str, owner: Owner, here: Here) -> Response:
    """The content of a file, always to be saved: code has made it, so no browser may show it as a page of ours."""
    name = _within(path)
    room = await here.house.room(id, owner=owner)
    await here.note(owner, "download", id, path=name)
    headers = attachment(name.rpartition("/")[2])
    shared = here.house.shared
    return await fetched(partial(room.fetch, name), shared.folder, headers, shared.ledger.transfers.turn(owner))


@router.delete("/sessions/{id}/files/{path:path}", status_code=204)
async def delete_file(id: Id, path: str, owner: Owner, here: Here) -> None:
    name = _within(path)
    room = await here.house.room(id, owner=owner)
    await room.remove(name)


@router.get("/sessions/{id}/media/{digest}", response_class=Response, responses=BYTES)
async def get_media(
    id: Id,
    digest: str,
    owner: Owner,
    here: Here,
    save: Annotated[bool, Query(description="As a file to be saved.")] = False,
) -> Response:
    """A figure, or another output, that an event refers to by its sha256."""
    await here.chat(id, owner)
    turn = here.house.shared.ledger.transfers.turn(owner)
    return await in_pieces(partial(media, here, id, digest, save=save), turn)


async def media(here: Service, chat: str, digest: str, *, save: bool = False) -> Response:
    """What a chat has shown. Only pictures that cannot hold a script are shown as such; SVG and HTML are saved.

    Raises:
        NotFoundError: it has shown nothing of that digest.
    """
    found = await here.house.store.media(chat, digest) if DIGEST.fullmatch(digest) else None
    if found is None:
        raise NotFoundError("there is no such figure")
    kind, data = found
    shown = None if save else kind_shown(kind)
    headers = {"cache-control": "private, max-age=31536000, immutable"}  # content never changes under its own digest
    if shown is None:
        headers |= attachment(f"output-{digest[:12]}")
    return Response(data, media_type=shown or "application/octet-stream", headers=headers)


def _within(path: str) -> str:
    try:
        return workspace_path(path)
    except ValueError as error:
        raise UsageError(str(error)) from None
