"""MCP at `/mcp` of the service, behind its doors: each user has a server of their own, so that no session of the
protocol is another's to be named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup, TaskStatus
from fastapi import APIRouter, FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

from codeact.server.house import House
from codeact.server.mcp.desks import Desks
from codeact.server.mcp.http import leaving, manager_of
from codeact.server.mcp.lent import Lent
from codeact.server.mcp.settings import PATH

OwnerOf = Callable[[HTTPConnection], str]


@dataclass(frozen=True, slots=True)
class Server:
    """Of one user."""

    desks: Desks
    manager: StreamableHTTPSessionManager


class Front(BaseRoute):
    """Answers at the one path. A user's server is made at their first request and stays: it holds nothing but what
    their sessions do.
    """

    path = PATH  # its name in metrics

    def __init__(self, house: House, owner_of: OwnerOf, closing: anyio.Event) -> None:
        self._house = house
        self._owner_of = owner_of
        self._closing = closing
        self._servers = dict[str, Server]()
        self._making = defaultdict[str, anyio.Lock](anyio.Lock)
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def serving(self, app: object) -> AsyncGenerator[None]:
        """A lifespan; at its end all sessions are gone."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            yield
            self._tasks = None
            tasks.cancel_scope.cancel()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        fits = scope["type"] == "http" and scope["path"] == PATH
        return (Match.FULL, {"endpoint": self, "route": self}) if fits else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = self._owner_of(HTTPConnection(scope))
        server = await self._server(owner)
        if scope["method"] != "GET":
            await server.manager.handle_request(scope, receive, leaving(scope, send, server.desks))
            return
        answer = Answer(send)
        with self._house.shared.ledger.streams.through(owner):  # without end, but for the service's
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._until_closing, tasks.cancel_scope)
                await server.manager.handle_request(scope, receive, answer.send)
                tasks.cancel_scope.cancel()
            await answer.end()

    async def _until_closing(self, scope: anyio.CancelScope) -> None:
        await self._closing.wait()
        scope.cancel()

    async def _server(self, owner: str) -> Server:
        """Raises `CodeActError` where no interpreter can be opened."""
        async with self._making[owner]:
            if owner not in self._servers:
                self._servers[owner] = await self._group.start(self._hold, owner)
            return self._servers[owner]

    async def _hold(self, owner: str, *, task_status: TaskStatus[Server]) -> None:
        lent = Lent(self._house, owner)
        desks = Desks(lent, lent.settings, self._group)
        manager = await manager_of(desks, lent.call)
        async with manager.run():
            task_status.started(Server(desks, manager))
            while True:
                await anyio.sleep(self._house.settings.beat)
                lent.charge()
                if self._house.shared.ledger.spent(owner):  # also by what an action has left running
                    desks.end_all("the interpreter had ended: the processor time of the hour was used up")

    @property
    def _group(self) -> TaskGroup:
        if self._tasks is None:
            raise RuntimeError("MCP is served only within the application's lifespan")
        return self._tasks


@dataclass(slots=True)
class Answer:
    """What is sent, and whether it is whole."""

    onward: Send
    begun: bool = False
    whole: bool = False

    async def send(self, message: Message) -> None:
        self.begun = True
        self.whole = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self.onward(message)

    async def end(self) -> None:
        """In good order, where something else did not."""
        if self.begun and not self.whole:
            await self.onward({"type": "http.response.body", "body": b""})


def mount(app: FastAPI, house: House, owner_of: OwnerOf) -> None:
    """Add MCP to an application."""
    front = Front(house, owner_of, app.state.service.closing)
    app.include_router(APIRouter(lifespan=front.serving))
    app.router.routes.append(front)
