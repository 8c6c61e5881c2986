"""Answers that are worked out while the client waits: one that hangs up cancels the work.

Starlette notices that only in a stream, so both ways are made here, on the bare protocol.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from codeact.sandbox.base import MiB
from codeact.server.line import Line, until_left
from codeact.server.openai.errors import Refusal
from codeact.types import JSON

log: Final = logging.getLogger("codeact.server.events")
PING = 15.0  # seconds of silence after which a comment keeps proxies from closing a stream
PATIENCE = 30.0  # seconds that a client may take to read what is sent, until it is cut off
MOST_WAITING = 16 * MiB  # bytes that a slow one may leave untaken
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Json(JSONResponse):
    """Also of text with half a character in it, which a model may say and a file may be called: it becomes `?`."""

    def render(self, content: JSON) -> bytes:
        return written(content)


def written(value: JSON) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


Failure = Callable[[Exception], Refusal]


@dataclass(frozen=True, slots=True)
class Stream:
    """How a stream of events is written, and how it says that it failed."""

    form: Literal["chat", "responses"]

    def write(self, told: dict[str, JSON]) -> bytes:
        event = f"event: {told['type']}\n" if self.form == "responses" else ""
        return b"%bdata: %b\n\n" % (event.encode(), written(told))

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
            return Json(await self._work())
        except Exception as error:  # noqa: BLE001 (the edge: what is no CodeActError is a bug, and told as a failure)
            refusal = self._failure(error)
            return Json(refusal.body, status_code=refusal.status, headers=dict(refusal.headers))


@dataclass(slots=True)
class Outflow:
    """From the work to the client. Telling waits for nobody, so who leaves too much untaken is cut off."""

    out: MemoryObjectSendStream[bytes | Refusal]
    stream: Stream
    cut: anyio.CancelScope
    waiting: int = 0  # bytes
    _taken: anyio.Event = field(default_factory=anyio.Event)

    def __call__(self, told: dict[str, JSON]) -> None:
        data = self.stream.write(told)
        self.waiting += len(data)
        if self.waiting > MOST_WAITING:
            self.cut.cancel()
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):  # the client has gone; so will the work
            self.out.send_nowait(data)

    def took(self, data: bytes) -> None:
        self.waiting -= len(data)
        taken, self._taken = self._taken, anyio.Event()
        taken.set()

    async def taken(self) -> None:
        """Until nothing waits: for who has much to tell at once."""
        while self.waiting:
            await self._taken.wait()


class Streamed(Response):
    """Server-sent events that `work` tells, as they come. A failure before the first is an ordinary error."""

    def __init__(
        self,
        work: Callable[[Outflow], Awaitable[None]],
        failure: Failure,
        stream: Stream,
        *,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__()
        self._work = work
        self._failure = failure
        self._stream = stream
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with _while_connected(receive), anyio.create_task_group() as tasks:
                out, told = anyio.create_memory_object_stream[bytes | Refusal](math.inf)
                outflow = Outflow(out, self._stream, tasks.cancel_scope)
                tasks.start_soon(self._tell, outflow)
                async with told:
                    first = await _next(told, outflow)
                    if isinstance(first, Refusal):
                        response = Json(first.body, status_code=first.status, headers=dict(first.headers))
                        await response(scope, receive, send)
                    else:
                        await self._send(first, told, outflow, Line(send, self._patience))
        except* TimeoutError:  # without an end of its own, the server closes the connection
            log.info("a stream was cut off: its client does not read")

    async def _tell(self, outflow: Outflow) -> None:
        async with outflow.out:
            try:
                await self._work(outflow)
            except Exception as error:  # noqa: BLE001 (the same edge as above)
                await outflow.out.send(self._failure(error))

    async def _send(
        self,
        first: bytes | None,
        told: MemoryObjectReceiveStream[bytes | Refusal],
        outflow: Outflow,
        line: Line,
    ) -> None:
        await line.send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.beat, PING)
            piece: bytes | Refusal | None = first  # None after the last
            number = 0
            while piece is not None:
                await line.put(self._failed(piece, number) if isinstance(piece, Refusal) else piece)
                number += 1
                piece = await _next(told, outflow)
            tasks.cancel_scope.cancel()
        await line.put(self._stream.end, more=False)

    def _failed(self, refusal: Refusal, number: int) -> bytes:
        return self._stream.write(self._stream.failure(refusal, number))


async def _next(told: MemoryObjectReceiveStream[bytes | Refusal], outflow: Outflow) -> bytes | Refusal | None:
    """The next piece, however long it takes; None after the last."""
    try:
        piece = await told.receive()
    except anyio.EndOfStream:
        return None
    if isinstance(piece, bytes):
        outflow.took(piece)
    return piece


@asynccontextmanager
async def _while_connected(receive: Receive) -> AsyncGenerator[None]:
    """Cancels the body when the client hangs up; what it raises comes as it is."""
    failures: Sequence[Exception] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(until_left, receive, tasks.cancel_scope)
        try:
            yield
        except Exception as error:  # noqa: BLE001 (raised below: the task group would wrap it)
            failures = [error]
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
