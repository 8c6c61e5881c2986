"""What comes in is bounded, in bytes and in time, before anybody reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codeact.server.http.settings import HttpSettings
from codeact.server.http.wording import refused

# Where files are given: the REST API, also the page's, and the files of OpenAI's protocol.
UPLOADS: Final = re.compile(r"/sessions/[^/]+/(files|messages)(/|$)|/v1/")


@dataclass(slots=True)
class Inflow:
    """ASGI middleware. A declared length that is too large is refused unread; an undeclared one when it gets there."""

    app: ASGIApp
    settings: HttpSettings

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
        counted = Counted(receive, most, self.settings.patience, self.settings.slowest)
        return await self.app(scope, counted.receive, send)


@dataclass(slots=True)
class Counted:
    """A `receive` that gives up on a body that is too large, or too slow."""

    inner: Receive
    most: int  # bytes
    patience: float  # seconds for the next piece
    slowest: int  # bytes per second, after the first `patience`: a byte now and then does not hold a place for days
    begun: float = field(default_factory=anyio.current_time)
    size: int = 0
    whole: bool = False

    async def receive(self) -> Message:
        """Raises `HTTPException`, which the framework lets through to where errors become answers."""
        if self.whole:  # then it only tells when the client has left, which may take its time
            return await self.inner()
        message = await self._next()
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self.size > self.most:
                raise HTTPException(413, _too_large(self.most))
            if not self.whole and anyio.current_time() > self.begun + self.patience + self.size / self.slowest:
                raise HTTPException(408, f"the request comes with less than {self.slowest:,} bytes a second")
        return message

    async def _next(self) -> Message:
        with anyio.move_on_after(self.patience):
            return await self.inner()
        raise HTTPException(408, f"nothing more of the request came for {self.patience:g} seconds")


def _too_large(most: int) -> str:
    return f"the request has more than the {most:,} bytes that it may have"
