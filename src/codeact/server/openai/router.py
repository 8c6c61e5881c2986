"""The endpoints together. Mounted by whoever owns the application, who also says whose a token is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import APIRouter
from starlette.routing import BaseRoute

from codeact.server.house import House
from codeact.server.openai.chat_routes import chat_routes, model_routes
from codeact.server.openai.connection import Json
from codeact.server.openai.container_routes import container_routes
from codeact.server.openai.errors import RESPONSES
from codeact.server.openai.file_routes import file_routes
from codeact.server.openai.office import Office
from codeact.server.openai.response_routes import response_routes
from codeact.server.openai.routing import Owner


def router(house: House, *, owner: Owner) -> APIRouter:
    """The endpoints below `/v1`: `app.include_router(router(house, owner=…), prefix="/v1")`.

    How large a body may be is the application's to say, as `codeact.server.http` does for `codeact serve`.
    It brings a lifespan of its own, which `include_router` joins to the application's (`mount` does not).
    """
    office = Office(house)

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncGenerator[None]:
        async with office.serving():
            yield

    routes = APIRouter(
        tags=["OpenAI-compatible"],
        lifespan=lifespan,
        generate_unique_id_function=_operation,
        responses=RESPONSES,
        default_response_class=Json,
    )
    for part in (model_routes, chat_routes, response_routes, file_routes, container_routes):
        routes.include_router(part(office, owner))
    return routes


def _operation(route: BaseRoute) -> str:
    return f"openai_{getattr(route, 'name', '')}"  # our own `list_files` is another one
