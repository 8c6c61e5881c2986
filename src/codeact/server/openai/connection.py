"""Answers that are worked out while the client waits: one that hangs up cancels the work.

Starlette notices that only in a stream, so both ways are made here, on the bare protocol.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from codeact.server.openai.errors import Refusal
from codeact.types import JSON

PING = 15.0  # seconds of silence after which a comment keeps proxies from closing a stream

TellClient = Callable[[dict[str, JSON]], None]
Failure = Callable[[Exception], Refusal]


@dataclass(frozen=True, slots=True)
class Stream:
    """How a stream of events is written, and how it says that it failed."""

    form: Literal["chat", "responses"]

    def write(self, told: dict[str, JSON]) -> bytes:
        data = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        event = f"event: {told['type']}\n" if self.form == "responses" else ""
        return f"{event}data: {data}\n\n".encode()

    @property
    def end(self) -> bytes:
        return b"data: [DONE]\n\n" if self.form == "chat" else b""

    def failure(self, refusal: Refusal, number: int) -> dict[str, JSON]:
        if self.form == "chat":
            return refusal.body
        fields = {"code": refusal.code, "message": refusal.message, "param": refusal.param}
        return {"type": "error", **fields, "sequence_number": number}


class Whole(Response):
    """JSON, once `work` has it."""

    def __init__(self, work: Callable[[], Awaitable[JSON]], failure: Failure) -> None:
        super().__init__()
        self._work = work
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with _while_connected(receive):
            response = await self._response()
            await response(scope, receive, send)

    async def _response(self) -> Response:
        try:
            return JSONResponse(await self._work())
        except Exception as error:  # noqa: BLE001 (the edge: what is no CodeActError is a bug, and told as a failure)
            refusal = self._failure(error)
            return JSONResponse(refusal.body, status_code=refusal.status, headers=dict(refusal.headers))


class Streamed(Response):
    """Server-sent events that `work` tells, as they come. A failure before the first is an ordinary error."""

    def __init__(self, work: Callable[[TellClient], Awaitable[None]], failure: Failure, stream: Stream) -> None:
        super().__init__()
        self._work = work
        self._failure = failure
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # What waits for a slow reader is bounded by what a run may say: its budget, and what is shown of its output.
        out, told = anyio.create_memory_object_stream[dict[str, JSON] | Refusal](math.inf)
        async with _while_connected(receive), anyio.create_task_group() as tasks:
            tasks.start_soon(self._tell, out)
            async with told:
                first = await _first(told)
                if isinstance(first, Refusal):
                    response = JSONResponse(first.body, status_code=first.status, headers=dict(first.headers))
                    await response(scope, receive, send)
                else:
                    await self._send(first, told, send)

    async def _tell(self, out: MemoryObjectSendStream[dict[str, JSON] | Refusal]) -> None:
        def tell(piece: dict[str, JSON]) -> None:
            with suppress(
                anyio.ClosedResourceError, anyio.BrokenResourceError
            ):  # the client has gone; so will the work
                out.send_nowait(piece)

        async with out:
            try:
                await self._work(tell)
            except Exception as error:  # noqa: BLE001 (the same edge as above)
                refusal = self._failure(error)
                await out.send(refusal)

    async def _send(
        self,
        first: dict[str, JSON] | None,
        told: MemoryObjectReceiveStream[dict[str, JSON] | Refusal],
        send: Send,
    ) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, (b"x-accel-buffering", b"no")]})
        piece: dict[str, JSON] | Refusal | None = first  # None after the last
        number = 0
        while piece is not None:
            said = self._stream.failure(piece, number) if isinstance(piece, Refusal) else piece
            await send(_body(self._stream.write(said)))
            number += 1
            piece = await _next(told, send)
        await send({"type": "http.response.body", "body": self._stream.end, "more_body": False})


async def _first(told: MemoryObjectReceiveStream[dict[str, JSON] | Refusal]) -> dict[str, JSON] | Refusal | None:
    try:
        return await told.receive()
    except anyio.EndOfStream:
        return None


async def _next(
    told: MemoryObjectReceiveStream[dict[str, JSON] | Refusal], send: Send
) -> dict[str, JSON] | Refusal | None:
    """The next piece, however long it takes; None after the last."""
    while True:
        with anyio.move_on_after(PING):
            try:
                return await told.receive()
            except anyio.EndOfStream:
                return None
        await send(_body(b": still working\n\n"))


def _body(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}


@asynccontextmanager
async def _while_connected(receive: Receive) -> AsyncGenerator[None]:
    """Cancels the body when the client hangs up; what it raises comes as it is."""
    failures: Sequence[Exception] = []
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        try:
            yield
        except Exception as error:  # noqa: BLE001 (raised below: the task group would wrap it)
            failures = [error]
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
