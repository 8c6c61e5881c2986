"""Connections that say nothing, say it slowly, or say too much, on a real server and real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from codeact.server.http.inflow import Counted
from codeact.server.http.punctual import Punctual
from codeact.server.http.settings import HttpSettings
from codeact.server.turnstile import Turnstile

from ..loopback import on_loopback  # noqa: TID252 (tests are no package with a name)

pytestmark = pytest.mark.anyio

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def slow(request: Request) -> PlainTextResponse:
    await anyio.sleep(3 * Punctual.patience)
    return PlainTextResponse("late, but there")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await anyio.sleep(3 * Punctual.patience)
    await socket.send_text("still here")
    await socket.receive()  # that the other side has left


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    application = Starlette(routes=[Route("/", slow), WebSocketRoute("/ws", talk)])
    async with on_loopback(application, connections=50) as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Punctual, "patience", 0.3)


async def all_of(stream: anyio.abc.SocketStream) -> bytes:
    """Until the other side closes."""
    received = b""
    with anyio.fail_after(30):
        while True:
            try:
                received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


@pytest.mark.parametrize("said", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_silent_connections_do_not_keep_others_out(said: bytes) -> None:
    async with serving() as port, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", port)) for _ in range(60)]
        for stream in silent:
            if said:
                await stream.send(said)
        for stream in silent:
            assert await all_of(stream) == b""
        async with await anyio.connect_tcp("127.0.0.1", port) as other:
            await other.send(REQUEST.replace(b"Host", b"Connection: close\r\nHost"))
            assert b"late, but there" in await all_of(other)


async def test_a_connection_is_kept_for_its_answer_and_closed_in_its_next_request() -> None:
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(REQUEST)
        assert b"200 OK" in await stream.receive()
        await stream.send(REQUEST[:9])
        assert b"200 OK" not in await all_of(stream)


async def test_a_websocket_is_not_in_a_hurry() -> None:
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(UPGRADE)
        received = b""
        with anyio.fail_after(30):
            while b"still here" not in received:
                received += await stream.receive()


async def test_headers_without_end_are_cut_off() -> None:
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        with anyio.fail_after(30):
            try:
                await stream.send(REQUEST[:-2])
                while True:
                    await stream.send(b"X-More: " + b"x" * 8000 + b"\r\n")
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass


async def a_byte() -> Message:
    return {"type": "http.request", "body": b"x", "more_body": True}


async def test_a_body_that_comes_byte_by_byte_is_refused() -> None:
    settings, large = HttpSettings(patience=30.0, slowest=1), Turnstile("large", 1, 1)
    async with AsyncExitStack() as held:
        counted = Counted(a_byte, 1000, settings, partial(large.turn, "ann"), held)
        assert (await counted.receive())["body"] == b"x"
        counted.begun -= 32.5  # seconds: time for 2 bytes after the first patience
        with pytest.raises(HTTPException, match="less than 1 bytes a second") as refused:
            await counted.receive()
    assert refused.value.status_code == 408
