"""`/v1/containers` and the files in them."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from codeact.server.download import fetched
from codeact.server.openai.container_wire import ContainerRequest, FileReference
from codeact.server.openai.errors import InvalidRequestError
from codeact.server.openai.office import Office
from codeact.server.openai.pages import Paged, PagedContainers, page
from codeact.server.openai.routing import OpenAIRoute, Owner
from codeact.server.openai.said import file_name
from codeact.server.openai.uploading import HEADERS, form_of
from codeact.types import JSON


def container_routes(office: Office, owner: Owner) -> APIRouter:
    """Containers of their owner."""
    routes = APIRouter(prefix="/containers", route_class=OpenAIRoute)

    @routes.post("")
    async def create_container(asked: ContainerRequest, who: str = Depends(owner)) -> JSON:
        container = await office.open_container(
            who,
            name=asked.name,
            idle=asked.expires_after.minutes * 60 if asked.expires_after else None,
            memory=asked.memory_limit,
            files=asked.file_ids,
        )
        await office.house.shared.note(who, None, "container", id=container.id)
        return container.card

    @routes.get("")
    async def list_containers(asked: PagedContainers, who: str = Depends(owner)) -> JSON:
        found = [each for each in office.containers.of(who) if asked.name in (None, each.name)]
        return page([each.card for each in found], asked)

    @routes.get("/{container_id}")
    async def retrieve_container(container_id: str, who: str = Depends(owner)) -> JSON:
        return office.containers.find(who, container_id).card

    @routes.delete("/{container_id}")
    async def delete_container(container_id: str, who: str = Depends(owner)) -> JSON:
        container = office.containers.find(who, container_id)
        await office.house.shared.note(who, None, "delete container", id=container.id)
        container.over.set()
        return {"id": container_id, "object": "container.deleted", "deleted": True}

    _add_files(routes, office, owner)
    return routes


def _add_files(routes: APIRouter, office: Office, owner: Owner) -> None:
    files = "/{container_id}/files"

    @routes.post(files)
    async def create_container_file(container_id: str, request: Request, who: str = Depends(owner)) -> JSON:
        container = office.containers.find(who, container_id)

        async def give(name: str, place: Path, size: int) -> JSON:
            await office.house.shared.note(who, None, "upload", name=name, bytes=size, container=container_id)
            return container.file_card(await container.put(name, place))

        if request.headers.get("content-type", "").startswith("multipart/"):
            async with form_of(request) as form, form.saved(office.uploads.folder) as place:
                return await give(file_name(form.name, param="file"), place, form.size)
        upload = office.uploads.find(who, _reference(await request.body()))
        return await give(upload.name, office.uploads.place(upload), upload.size)

    @routes.get(files)
    async def list_container_files(container_id: str, asked: Paged, who: str = Depends(owner)) -> JSON:
        container = office.containers.find(who, container_id)
        return page([container.file_card(file) for file in await container.files()], asked)

    @routes.get(f"{files}/{{file_id}}")
    async def retrieve_container_file(container_id: str, file_id: str, who: str = Depends(owner)) -> JSON:
        container = office.containers.find(who, container_id)
        return container.file_card(await container.file(file_id))

    @routes.get(f"{files}/{{file_id}}/content")
    async def retrieve_container_file_content(container_id: str, file_id: str, who: str = Depends(owner)) -> Response:
        container = office.containers.find(who, container_id)
        container.touch()
        file = await container.file(file_id)

        async def fetch(place: Path) -> int:
            return await container.session.get(file.path, to=place)

        return await fetched(fetch, office.uploads.folder, HEADERS, office.transfer_of(who))

    @routes.delete(f"{files}/{{file_id}}")
    async def delete_container_file(container_id: str, file_id: str, who: str = Depends(owner)) -> JSON:
        container = office.containers.find(who, container_id)
        file = await container.file(file_id)
        await office.house.shared.note(who, None, "delete file", name=file.path, container=container.id)
        await container.remove(file)
        return {"id": file_id, "object": "container.file.deleted", "deleted": True}


def _reference(body: bytes) -> str:
    try:
        return FileReference.model_validate_json(body).file_id
    except ValidationError:
        raise InvalidRequestError("give a file as multipart form, or its file_id as JSON", param="file_id") from None
