"""How the page gets into the service's application: routes of its own beside the API's, behind the same doors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, cast
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI
from nicegui import core, ui
from nicegui.client import Client, templates
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from codeact.server.house import House
from codeact.server.http.rate import Rate
from codeact.server.page import inbound, policy
from codeact.server.page.documents import documents
from codeact.server.page.icons import PICTURE
from codeact.server.page.results.routes import results
from codeact.server.page.results.shelf import Shelf

OwnerOf = Callable[[HTTPConnection], str | None]

_OURS = re.compile(r"/(?:c/[\w-]{1,128})?|/favicon\.ico|/_nicegui/\d[^/]*/.*|/_nicegui_ws/.*")
_SOCKET = "/_nicegui_ws/"
_TOOLKIT = ("/_nicegui", "/favicon.ico")  # what belongs to pages and is none
_KEY = "codeact.page"
_LOGIN = "Please use the login link."
_FULL = "You have too many pages open. Close some, and wait a minute."
MOST_PAGES = 100  # of one user


@dataclass(frozen=True, slots=True)
class Place:
    """What a page needs to know of the service it is part of."""

    house: House
    owner_of: OwnerOf
    results: bool = False  # whether there are any to be looked at
    pages: Counter[str] = field(default_factory=Counter[str])  # that are open, by user
    rate: Rate = field(default_factory=lambda: Rate(20.0, 200))  # of what users do on their pages


def mount(app: FastAPI, house: House, owner_of: OwnerOf, shelf: Shelf | None = None) -> None:
    """Add the page to an application: `/`, `/c/CHAT`, and `/s/TOKEN` for readers of a shared chat; with a shelf of
    results also `/results`, for all users alike.

    `owner_of` tells who asks, from what stands before all routes; nobody gets no page. `/s/` has to be open to
    everybody. NiceGUI is one per process: one application at a time can have the page.
    """
    app.include_router(documents(house))
    if shelf is not None:
        app.include_router(results(shelf), dependencies=[Depends(_known(owner_of))])
    app.router.routes.append(Pages(Place(house, owner_of, shelf is not None)))
    shell, main = _toolkit(), app.router.lifespan_context

    @asynccontextmanager
    async def with_toolkit(app: Any) -> AsyncGenerator[Any]:
        async with shell.router.lifespan_context(shell), main(app) as state:
            yield state

    app.router.lifespan_context = with_toolkit


def _known(owner_of: OwnerOf) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if owner_of(request) is None:
            raise HTTPException(403, _LOGIN)

    return check


def place_of(scope: Scope) -> Place:
    """The place that a request came by."""
    return scope[_KEY]


@cache
def _toolkit() -> FastAPI:
    """NiceGUI, set up once: no script that makes styles in the browser (Tailwind), no polling for changed values."""
    import_module("codeact.server.page.pages")  # which are its pages from then on
    shell = FastAPI()
    cast("Any", ui).run_with(  # partly typed
        shell,
        title="codeact",
        favicon=PICTURE,
        dark=None,
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=20.0,
        show_welcome_message=False,
    )
    policy.nonced(templates.env)
    inbound.guard(core.sio, _may_go_on)
    # Of its middleware only the compression stays: the rest is for a proxy's prefix and for headers that `policy` sets,
    # and fails with a traceback in the log where a browser leaves before it has its answer.
    core.app.user_middleware[:] = [one for one in core.app.user_middleware if one.cls is GZipMiddleware]
    return shell


def _may_go_on(client: Client) -> bool:
    """Whether whoever a page is for has not done too much lately."""
    place = place_of(client.request.scope)
    return not place.rate.take(place.owner_of(client.request) or "")


class Pages(BaseRoute):
    """The paths that NiceGUI may answer, and no other: for each that it does not know it makes a page of its own."""

    path = "/page"  # its name in metrics

    def __init__(self, place: Place) -> None:
        self.place = place
        self.app: ASGIApp = policy.under_policy(core.app)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        fits = scope["type"] in ("http", "websocket") and _OURS.fullmatch(scope["path"])
        return (Match.FULL, {"endpoint": self, "route": self}) if fits else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To NiceGUI, unless somebody asks for another's page over its socket, or for more pages than one may have."""
        owner, socket = self.place.owner_of(HTTPConnection(scope)), scope["path"].startswith(_SOCKET)
        if owner is None or (socket and not _of_owner(scope, owner)):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await PlainTextResponse(_LOGIN, 403)(scope, receive, send)
        elif not scope["path"].startswith(_TOOLKIT) and self.place.pages[owner] >= MOST_PAGES:
            await PlainTextResponse(_FULL, 429)(scope, receive, send)
        else:
            scope[_KEY] = self.place
            await self.app(scope, receive, send)


def _of_owner(scope: Scope, owner: str) -> bool:
    """Whether the page that a socket is for is the asking user's own. Its id is a secret of 122 bits already; but a
    secret in an address may get into a log.
    """
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("client_id", [])
    if len(asked) != 1:  # a socket for no page could take up another's by a message later
        return False
    client = Client.instances.get(asked[0])
    if client is None:  # gone, or of another process: NiceGUI says so, and the browser loads the page anew
        return True
    request = client.request
    return place_of(request.scope).owner_of(request) == owner
