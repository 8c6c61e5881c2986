"""`/v1/files`."""

from __future__ import annotations

import re

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from codeact.server.download import stored
from codeact.server.openai.errors import InvalidRequestError
from codeact.server.openai.office import Office
from codeact.server.openai.pages import PagedFiles, page
from codeact.server.openai.routing import OpenAIRoute, Owner
from codeact.server.openai.uploading import HEADERS, Form, form_of
from codeact.types import JSON


def file_routes(office: Office, owner: Owner) -> APIRouter:
    """Uploaded files of their owner, to be named by their ids."""
    routes = APIRouter(prefix="/files", route_class=OpenAIRoute)

    @routes.post("")
    async def create_file(request: Request, who: str = Depends(owner)) -> JSON:
        async with form_of(request) as form:
            await office.house.shared.note(who, None, "upload", name=form.name[:200], bytes=form.size)
            upload = await office.uploads.add(who, form, lasts=_lasts(form))
        return upload.card

    @routes.get("")
    async def list_files(asked: PagedFiles, who: str = Depends(owner)) -> JSON:
        found = [each for each in office.uploads.of(who) if asked.purpose in (None, each.purpose)]
        return page([each.card for each in found], asked)

    @routes.get("/{file_id}")
    async def retrieve_file(file_id: str, who: str = Depends(owner)) -> JSON:
        return office.uploads.find(who, file_id).card

    @routes.get("/{file_id}/content")
    async def retrieve_file_content(file_id: str, who: str = Depends(owner)) -> Response:
        place = office.uploads.place(office.uploads.find(who, file_id))
        return await stored(place, HEADERS, office.transfer_of(who))

    @routes.delete("/{file_id}")
    async def delete_file(file_id: str, who: str = Depends(owner)) -> JSON:
        name = office.uploads.find(who, file_id).name
        await office.house.shared.note(who, None, "delete file", name=name, id=file_id)
        await office.uploads.delete(who, file_id)
        return {"id": file_id, "object": "file", "deleted": True}

    return routes


def _lasts(form: Form) -> float | None:
    """Seconds that it asks to be kept. Raises `InvalidRequestError` for what is no such wish."""
    anchor, seconds = (form.fields.get(f"expires_after[{name}]") for name in ("anchor", "seconds"))
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at" or not seconds or not re.fullmatch(r"[1-9][0-9]{0,9}", seconds):
        why = "expires_after is {'anchor': 'created_at', 'seconds': a number of 1 or more}"
        raise InvalidRequestError(why, param="expires_after")
    return float(seconds)
