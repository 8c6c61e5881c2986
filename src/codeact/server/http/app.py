"""The application: routes, and the doors before them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Scope

from codeact.sandbox.beside import beside
from codeact.server.house import House
from codeact.server.http import problems
from codeact.server.http.access import SECRET_PATHS, Access
from codeact.server.http.credentials import Credentials
from codeact.server.http.forwarding import Forward
from codeact.server.http.guard import Guard
from codeact.server.http.inflow import Inflow
from codeact.server.http.routes import events, exports, files, health, login, me, paper, sessions, shares, talk
from codeact.server.http.service import Service
from codeact.server.http.settings import HttpSettings
from codeact.server.http.wording import of_http

DESCRIPTION: Final = """\
Chats with an agent that acts by writing Python. A *session* is a chat and its interpreter; a *run* is a message and
all that the agent does about it; runs form a tree, because any of them can be taken back or tried again.

Send `Authorization: Bearer TOKEN`. Errors are problem documents (RFC 9457).
"""
_ROUTES: Final = (sessions, talk, events, files, exports, shares, me, paper, health, login)


def app(
    house: House,
    *,
    settings: HttpSettings | None = None,
    tokens: Mapping[bytes, str] | None = None,
) -> FastAPI:
    """The service as an ASGI application over an open house. `tokens` live as long as it: digest to user.

    `app.state.service` is what the routes share; who runs a server sets its `closing` before it waits for connections.
    """
    settings = settings or HttpSettings()
    credentials = Credentials(house.store, tokens or {}, settings.login)
    service = Service(house, settings, credentials)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with beside() as tasks:
            tasks.start_soon(service.tend)
            yield

    made = FastAPI(
        lifespan=lifespan,
        title="codeact",
        version=version("codeact"),
        description=DESCRIPTION,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        responses=problems.RESPONSES,
        generate_unique_id_function=_operation,
        redirect_slashes=False,
        telemetry={"logs": False, "exclude": _secret},
        middleware=[
            Middleware(Access, requests=service.requests, tls=settings.secure),
            Middleware(Guard, settings=settings, credentials=credentials, lasting=service.lasting),
            Middleware(Inflow, settings=settings, transfers=house.shared.ledger.transfers),
            Middleware(Forward, house=house),
        ],
    )
    made.state.service = service
    problems.install(made)
    made.add_exception_handler(HTTPException, of_http)
    for module in _ROUTES:
        made.include_router(module.router)
    return made


def _operation(route: BaseRoute) -> str:
    return str(getattr(route, "name", ""))  # the function's: what generated clients call it


def _secret(scope: Scope) -> bool:
    """Requests whose address holds a secret get no span."""
    path = str(scope.get("path", ""))
    return path.startswith("/login") or SECRET_PATHS.search(path) is not None
