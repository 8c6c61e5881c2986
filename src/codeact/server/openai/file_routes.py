"""`/v1/files`."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from codeact.server.openai.office import Office
from codeact.server.openai.pages import PagedFiles, page
from codeact.server.openai.routing import OpenAIRoute, Owner
from codeact.server.openai.uploading import attachment, needed, read_form
from codeact.types import JSON


def file_routes(office: Office, owner: Owner) -> APIRouter:
    """Uploaded files of their owner, to be named by their ids."""
    routes = APIRouter(prefix="/files", route_class=OpenAIRoute)
    keep = office.house.settings.quotas.keep

    @routes.post("")
    async def create_file(request: Request, who: str = Depends(owner)) -> JSON:
        form = await read_form(request)
        await office.house.shared.note(who, None, "upload", name=needed(form)[:200], bytes=len(form.data))
        upload = await office.uploads.add(who, needed(form), form.data, form.fields.get("purpose", ""))
        return upload.card(keep)

    @routes.get("")
    async def list_files(asked: PagedFiles, who: str = Depends(owner)) -> JSON:
        found = [each for each in office.uploads.of(who) if asked.purpose in (None, each.purpose)]
        return page([each.card(keep) for each in found], asked)

    @routes.get("/{file_id}")
    async def retrieve_file(file_id: str, who: str = Depends(owner)) -> JSON:
        return office.uploads.find(who, file_id).card(keep)

    @routes.get("/{file_id}/content")
    async def retrieve_file_content(file_id: str, who: str = Depends(owner)) -> Response:
        return attachment(await office.uploads.read(who, file_id))

    @routes.delete("/{file_id}")
    async def delete_file(file_id: str, who: str = Depends(owner)) -> JSON:
        name = office.uploads.find(who, file_id).name
        await office.house.shared.note(who, None, "delete file", name=name, id=file_id)
        await office.uploads.delete(who, file_id)
        return {"id": file_id, "object": "file", "deleted": True}

    return routes
