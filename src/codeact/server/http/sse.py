"""Server-sent events to one listener: with numbers to resume from, a sign of life, and an end for who does not read."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from codeact.errors import CodeActError
from codeact.server.line import Line, until_left
from codeact.server.nouns import Told

log: Final = logging.getLogger("codeact.server.events")
HEADERS: Final = {
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",  # a proxy that collects an answer first would make a stream of it no more
}
AGAIN: Final = b"retry: 1000\n\n"  # milliseconds until a client that was cut off comes back

Listen = Callable[[], AbstractAsyncContextManager[AsyncIterator[Told]]]


def frame(told: Told) -> bytes:
    """One event on the wire. JSON escapes line ends, so no content can begin a field of its own."""
    data = {"number": told.number, "run": told.run, "at": told.at.isoformat(), "event": dict(told.event)}
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return f"id: {told.number}\ndata: {text}\n\n".encode()


class EventStream(Response):
    """An answer that goes on until the chat ends, the client leaves or does not read, or the service closes."""

    media_type = "text/event-stream"

    def __init__(self, listen: Listen, *, heartbeat: float, patience: float, closing: anyio.Event) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._listen, self._closing = listen, closing
        self._heartbeat, self._patience = heartbeat, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = Line(send, self._patience)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(until_left, receive, group.cancel_scope)
                group.start_soon(_until_closing, self._closing, group.cancel_scope)
                group.start_soon(line.beat, self._heartbeat)
                await self._pass_on(line)
                group.cancel_scope.cancel()
            await line.put(b"", more=False)
        except* (TimeoutError, CodeActError) as ended:
            # The answer has no end then, so the server closes the connection; the client comes back where it was.
            log.info("an event stream was cut off: %s", ended.exceptions[0] or "its client does not read")

    async def _pass_on(self, line: Line) -> None:
        await line.put(AGAIN)
        async with self._listen() as events:
            async for told in events:
                await line.put(frame(told))


async def _until_closing(closing: anyio.Event, scope: anyio.CancelScope) -> None:
    await closing.wait()
    scope.cancel()
