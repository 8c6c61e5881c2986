"""What stands beside the API, behind the same doors: OpenAI's protocol, MCP, and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from codeact.errors import MissingExtraError
from codeact.server.house import House
from codeact.server.http.app import app
from codeact.server.http.callers import caller_in, described_owner, owner_of
from codeact.server.http.settings import HttpSettings
from codeact.server.openai.router import router

Mounts = Callable[[FastAPI, House, Callable[[HTTPConnection], str | None], Any], None]
SHARED_PAGE: Final = "/s/"  # of a share: for anybody who has the link


def whole(
    house: House,
    *,
    settings: HttpSettings | None = None,
    tokens: Mapping[bytes, str] | None = None,
    page: bool = True,
    results: Sequence[Path] = (),
) -> FastAPI:
    """The application as `codeact serve` serves it: `app` with OpenAI's protocol below `/v1`, MCP at `/mcp` where that
    extra is installed, and the page.

    `results`: files and folders of them that the page shows.

    Raises:
        UsageError: such a file is not there, or is none of results.
    """
    settings = settings or HttpSettings()
    if page:
        settings = replace(settings, public=(*settings.public, SHARED_PAGE))
    made = app(house, settings=settings, tokens=tokens)
    made.include_router(router(house, owner=described_owner), prefix="/v1")
    if find_spec("mcp") is not None:
        import_module("codeact.server.mcp.mounted").mount(made, house, owner_of)
    if page:
        mount: Mounts = import_module("codeact.server.page.mounting").mount
        shelf = import_module("codeact.server.page.results.shelf").Shelf(results) if results else None
        mount(made, house, _owner_if_any, shelf)
    return made


def page_is_there(results: Sequence[Path] = ()) -> bool:
    """Whether the page's toolkit is installed.

    Raises:
        MissingExtraError: it is not, and there are results to be shown with it.
    """
    there = find_spec("nicegui") is not None
    if results and not there:
        raise MissingExtraError("server", "the page that shows results")
    return there


def _owner_if_any(connection: HTTPConnection) -> str | None:
    caller = caller_in(connection.scope)
    return caller.owner if caller else None
