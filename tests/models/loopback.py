"""A small HTTP server on the loopback interface that plays scripted answers and notices when a client leaves.

Scripted at the level of bytes, so that it can do what no framework lets one do: split a character over two packets, cut
a stream in the middle of a chunk, stay silent.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import SocketAttribute, SocketStream


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence for some seconds; for ever where they are infinite, until the client leaves."""

    seconds: float = math.inf


class Cut:
    """The connection breaks, without the end that HTTP asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One scripted answer: its body goes out piece by piece, each piece as one packet."""

    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Sequence[bytes | Pause | Cut] = ()


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: Any  # JSON


@dataclass(slots=True)
class Loopback:
    """The running server: what it will answer, one reply a request, and what it was asked."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    open_connections: int = 0
    idle: anyio.Event = field(default_factory=anyio.Event)  # set while there is no connection
    left: anyio.Event = field(default_factory=anyio.Event)  # a client went away in the middle of an answer
    begun: anyio.Event = field(default_factory=anyio.Event)  # the first byte of an answer's body is out

    def will(self, *replies: Reply) -> Loopback:
        self.replies.extend(replies)
        return self


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(value).encode()
    return Reply(status=status, content_type="application/json", headers=headers or {}, body=[body])


def html_reply(status: int = 200) -> Reply:
    return Reply(status=status, content_type="text/html; charset=utf-8", body=[b"<!doctype html><title>Hello</title>"])


@asynccontextmanager
async def loopback() -> AsyncIterator[Loopback]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    server = Loopback(url=f"http://127.0.0.1:{port}")

    async def connection(stream: SocketStream) -> None:
        server.open_connections += 1
        server.idle = anyio.Event()
        try:
            async with stream:
                await _serve_connection(server, stream)
        except (anyio.BrokenResourceError, anyio.EndOfStream):
            pass
        finally:
            server.open_connections -= 1
            if server.open_connections == 0:
                server.idle.set()

    server.idle.set()
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, connection)
        yield server
        group.cancel_scope.cancel()


async def _serve_connection(server: Loopback, stream: SocketStream) -> None:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            buffer += await stream.receive()
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(buffer) < length:
            buffer += await stream.receive()
        method, path, _ = request_line.split(" ")
        server.requests.append(Request(method, path, headers, json.loads(buffer[:length] or b"null")))
        buffer = buffer[length:]
        reply = server.replies.pop(0) if server.replies else json_reply({"error": "nothing scripted"}, status=418)
        if not await _answer(server, stream, reply):
            return


async def _answer(server: Loopback, stream: SocketStream, reply: Reply) -> bool:
    """Send one reply; False when the connection is over after it."""
    headers = {"content-type": reply.content_type, "transfer-encoding": "chunked", **reply.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    await stream.send(f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode())
    for piece in reply.body:
        match piece:
            case bytes():
                await stream.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                server.begun.set()
                await anyio.lowlevel.checkpoint()  # so that pieces stay packets of their own
            case Pause(seconds=seconds):
                if await _left_within(stream, seconds):
                    server.left.set()
                    return False
            case Cut():
                return False
    await stream.send(b"0\r\n\r\n")
    return True


async def _left_within(stream: SocketStream, seconds: float) -> bool:
    """Whether the client closes its side within that time: a client that waits for an answer sends nothing."""
    with anyio.move_on_after(seconds):
        try:
            await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
    return False
