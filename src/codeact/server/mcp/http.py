"""MCP over streamable HTTP: a door before the SDK's transport, and an interpreter for each MCP session.

Only versions of the protocol that have sessions are served (up to 2025-11-25): since 2026-07-28 an HTTP request belongs
to nobody, so there would be nobody whose variables could stay. Clients that speak both are told so and take the former.
"""

from __future__ import annotations

import hmac
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codeact.server.http.credentials import digest
from codeact.server.http.headers import complete
from codeact.server.http.origin import host_allowed, same_origin
from codeact.server.http.rate import Rate
from codeact.server.mcp.desks import Desks
from codeact.server.mcp.service import SESSION, Around, Service, nothing
from codeact.server.mcp.settings import PATH
from codeact.server.quiet import QuietServer

HEALTH = "/healthz"
_SESSIONS = 8  # of the protocol for each desk: most that are left behind never had one
_CONNECTIONS = 256
_END = 2  # seconds for answers that are on their way when the service ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who may come in."""

    token: str | None  # None: whoever reaches the address
    hosts: frozenset[str] = frozenset()  # names by which it may be called, besides addresses and localhost


@dataclass(slots=True)
class Door:
    """ASGI middleware: who does not get past it reaches nothing of the protocol.

    Against another page in a browser of this machine, which can send requests here and have a name of its own resolve
    to here: `Host` has to be a name of ours, and an `Origin` this very service. Against everybody else: the token.
    """

    app: ASGIApp
    entry: Entry
    desks: Desks
    failures: Rate = field(default_factory=lambda: Rate(0.5, 20))  # of those whose token is wrong, by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": complete(message.get("headers", ()), tls=False)}
            await send(message)

        if scope["type"] == "http":  # no websocket and nothing else is served
            await (self._refusal(scope) or self._inner)(scope, receive, completed)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not host_allowed(hosts[0], self.entry.hosts):
            return _refused(403, "this service is not known by that name; see --allow-host")
        if scope["path"] == HEALTH and scope["method"] in ("GET", "HEAD"):
            return _refused(200, "ok")
        origin = headers.get("origin")
        if origin is not None and not same_origin(origin, hosts[0], tls=False):
            return _refused(403, "the page that asks has another origin")
        if not self._knows(headers):
            return self._unknown(scope)
        return None if scope["path"] == PATH else _refused(404, f"there is nothing here; MCP is at {PATH}")

    def _unknown(self, scope: Scope) -> ASGIApp:
        peer = scope.get("client")
        if wait := self.failures.take(peer[0] if peer else ""):
            seconds = {"retry-after": str(math.ceil(wait))}
            return _refused(429, "too many requests without a right token", seconds)
        return _refused(401, "a token is needed: Authorization: Bearer …", {"www-authenticate": "Bearer"})

    def _knows(self, headers: Headers) -> bool:
        if self.entry.token is None:
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Digests, so that how long a comparison takes says nothing of the token, nor of its length.
        return scheme.lower() == "bearer" and hmac.compare_digest(digest(token.strip()), digest(self.entry.token))

    async def _inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, leaving(scope, send, self.desks))


def leaving(scope: Scope, send: Send, desks: Desks) -> Send:
    """`send`, and before a client is told that its session has ended, its interpreter has."""

    async def ending(message: Message) -> None:
        if message.get("status") == 200:
            await desks.end(Headers(scope=scope).get(SESSION, ""))
        await send(message)

    return ending if scope["method"] == "DELETE" else send


def _refused(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(words + "\n", status_code=status, headers=headers)


async def manager_of(desks: Desks, around: Around = nothing) -> StreamableHTTPSessionManager:
    """The SDK's side of the clients of these desks. A first interpreter is opened and closed, because its packages and
    limits are told to clients.

    Raises:
        CodeActError: no interpreter can be opened here.
    """
    async with desks.of("") as (desk, _):
        server = Service(desks, desk.info, around).server()
    await desks.end("")
    settings = desks.settings
    return StreamableHTTPSessionManager(
        server,
        session_idle_timeout=settings.idle,
        max_request_body_size=settings.most_message,
        max_sessions=_SESSIONS * settings.desks,
    )


async def serve_http(
    desks: Desks, listening: socket.socket, entry: Entry, started: Callable[[], None] = lambda: None
) -> None:
    """Serve any number of clients at a listening socket, until cancelled. A first interpreter is opened and closed, so
    that what is missing on this machine is known before anybody relies on it.

    Raises:
        CodeActError: no interpreter can be opened here.
    """
    manager = await manager_of(desks)
    config = uvicorn.Config(
        Door(manager.handle_request, entry, desks),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing is believed of who forwards
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_END,
    )
    web = QuietServer(config, started)
    async with manager.run(), anyio.create_task_group() as group:
        group.start_soon(_told_to_end, web)
        with anyio.CancelScope(shield=True):  # it ends by itself once it is told, and leaves no connection behind
            await web.serve(sockets=[listening])
        group.cancel_scope.cancel()


async def _told_to_end(web: uvicorn.Server) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        web.should_exit = True
