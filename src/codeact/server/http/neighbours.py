"""What stands beside the API, behind the same doors: OpenAI's protocol, and the page."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from fastapi import FastAPI, Request
from starlette.requests import HTTPConnection

from codeact.server.house import House
from codeact.server.http.callers import caller_in, owner_of
from codeact.server.openai.router import router

Mounts = Callable[[FastAPI, House, Callable[[HTTPConnection], str | None]], None]
SHARED_PAGE = "/s/"  # of a share: for anybody who has the link


def add_protocols(application: FastAPI, house: House) -> None:
    """`/v1/chat/completions`, `/v1/responses` and what belongs to them."""
    application.include_router(router(house, owner=_owner), prefix="/v1")


def add_page(application: FastAPI, house: House) -> bool:
    """The web page; False where its toolkit is not installed."""
    if find_spec("nicegui") is None:
        return False
    mount: Mounts = import_module("codeact.server.page.mounting").mount
    mount(application, house, _owner_if_any)
    return True


async def _owner(request: Request) -> str:
    return owner_of(request)


def _owner_if_any(connection: HTTPConnection) -> str | None:
    caller = caller_in(connection.scope)
    return caller.owner if caller else None
