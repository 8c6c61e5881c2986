"""What stands beside the API, behind the same doors: OpenAI's protocol, and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.requests import HTTPConnection

from codeact.errors import MissingExtraError
from codeact.server.house import House
from codeact.server.http.callers import caller_in, owner_of
from codeact.server.openai.router import router

Mounts = Callable[[FastAPI, House, Callable[[HTTPConnection], str | None], Any], None]
SHARED_PAGE = "/s/"  # of a share: for anybody who has the link


def add_protocols(application: FastAPI, house: House) -> None:
    """`/v1/chat/completions`, `/v1/responses` and what belongs to them."""
    application.include_router(router(house, owner=_owner), prefix="/v1")


def add_page(application: FastAPI, house: House, results: Sequence[Path] = ()) -> bool:
    """The web page; False where its toolkit is not installed. `results`: files and folders of them that it shows.

    Raises:
        UsageError: such a file is not there, or is none of results.
        MissingExtraError: there are results, and nothing to show them with.
    """
    if find_spec("nicegui") is None:
        if results:
            raise MissingExtraError("server", "the page that shows results")
        return False
    mount: Mounts = import_module("codeact.server.page.mounting").mount
    shelf = import_module("codeact.server.page.results.shelf").Shelf(results) if results else None
    mount(application, house, _owner_if_any, shelf)
    return True


async def _owner(request: Request) -> str:
    return owner_of(request)


def _owner_if_any(connection: HTTPConnection) -> str | None:
    caller = caller_in(connection.scope)
    return caller.owner if caller else None
