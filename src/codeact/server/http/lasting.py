"""Answers that last, such as event streams and sockets: whoever asked for one is looked up again now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codeact.server.enduring import enduring

_ENDED: Final[Message] = {"type": "websocket.close", "code": 1008}

Known = Callable[[], Awaitable[bool]]


@dataclass(slots=True, eq=False)
class Visit:
    """A request, or a socket, that goes on."""

    known: Known  # whether whoever asked may still be here
    begun: bool = False  # to be answered
    ended: bool = False
    waits: anyio.CancelScope | None = None  # what ends with it

    def end(self) -> None:
        self.ended = True
        if self.waits is not None:
            self.waits.cancel()


@dataclass(slots=True)
class Lasting:
    """All that go on."""

    visits: set[Visit] = field(default_factory=set[Visit])

    async def serve(self, app: ASGIApp, known: Known, scope: Scope, receive: Receive, send: Send) -> bool:
        """Let an application answer for as long as `known` says so. False where it was ended before it began to."""
        visit = Visit(known)
        self.visits.add(visit)
        try:
            if scope["type"] == "websocket":
                await _as_socket(visit, app, scope, receive, send)
            else:
                await _as_answer(visit, app, scope, receive, send)
        finally:
            self.visits.discard(visit)
        return visit.begun or not visit.ended

    async def look_again(self) -> None:
        """End the visits of who is known no more."""
        for visit in list(self.visits):
            with enduring("looking up who listens"):  # where nobody can know now, it goes on
                if not await visit.known():
                    visit.end()


async def _as_answer(visit: Visit, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    async def noted(message: Message) -> None:
        visit.begun = True
        await send(message)

    with anyio.CancelScope() as visit.waits:
        await app(scope, receive, noted)


async def _as_socket(visit: Visit, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """It is not cancelled but told that the other side has left, as any socket is at its end."""

    async def received() -> Message:
        with anyio.CancelScope() as visit.waits:
            if not visit.ended:
                return await receive()
        with suppress(RuntimeError):  # it is closed already
            await send(_ENDED)
        return {"type": "websocket.disconnect", "code": _ENDED["code"]}

    async def sent(message: Message) -> None:
        visit.begun = True
        if not visit.ended:
            await send(message)

    await app(scope, received, sent)
