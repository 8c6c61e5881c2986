"""What comes in is bounded, in bytes and in time, before anybody reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codeact.errors import QuotaError
from codeact.server.http.callers import caller_in
from codeact.server.http.problems import retry_after
from codeact.server.http.settings import HttpSettings
from codeact.server.http.wording import refused
from codeact.server.turnstile import Turnstile

# Where files are given: the REST API, also the page's, the files of OpenAI's protocol, and MCP.
UPLOADS: Final = re.compile(r"/sessions/[^/]+/(files|messages)(/|$)|/v1/|/mcp$")


@dataclass(slots=True)
class Inflow:
    """ASGI middleware. A declared length that is too large is refused unread; an undeclared one when it gets there."""

    app: ASGIApp
    settings: HttpSettings
    transfers: Turnstile

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path: str = scope["path"]
        most = self.settings.upload if UPLOADS.match(path) else self.settings.body
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isascii() or not declared.isdigit():
            return await refused(path, 400, "Content-Length is no number")(scope, receive, send)
        if len(declared) > 18 or int(declared) > most:
            return await refused(path, 413, _too_large(most))(scope, receive, send)
        caller = caller_in(scope)
        turn = partial(self.transfers.turn, caller.owner if caller else "")
        async with AsyncExitStack() as held:
            return await self.app(scope, Counted(receive, most, self.settings, turn, held).receive, send)


@dataclass(slots=True)
class Counted:
    """A `receive` that gives up on a body that is too large, or too slow, and lets a few large ones come at a time."""

    inner: Receive
    most: int  # bytes
    settings: HttpSettings
    turn: Callable[[], AbstractAsyncContextManager[None]]  # of this user, among large bodies
    held: AsyncExitStack  # left when the body has come, or comes no more
    begun: float = field(default_factory=anyio.current_time)
    size: int = 0
    whole: bool = False
    large: bool = False

    async def receive(self) -> Message:
        """Raises `HTTPException`, which the framework lets through to where errors become answers."""
        if self.whole:  # then it only tells when the client has left, which may take its time
            return await self.inner()
        message = await self._next()
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            await self._check()
        if self.whole:
            await self.held.aclose()
        return message

    async def _check(self) -> None:
        if self.size > self.most:
            raise HTTPException(413, _too_large(self.most))
        slowest = self.settings.slowest
        if not self.whole and anyio.current_time() > self.begun + self.settings.patience + self.size / slowest:
            raise HTTPException(408, f"the request comes with less than {slowest:,} bytes a second")
        if not self.large and not self.whole and self.size > self.settings.body:
            self.large = True
            await self._wait()

    async def _wait(self) -> None:
        waited = anyio.current_time()
        try:
            await self.held.enter_async_context(self.turn())
        except QuotaError as error:
            raise HTTPException(429, str(error), headers=retry_after(error.again)) from error
        self.begun += anyio.current_time() - waited  # which was not the client's doing

    async def _next(self) -> Message:
        with anyio.move_on_after(self.settings.patience):
            return await self.inner()
        raise HTTPException(408, f"nothing more of the request came for {self.settings.patience:g} seconds")


def _too_large(most: int) -> str:
    return f"the request has more than the {most:,} bytes that it may have"
