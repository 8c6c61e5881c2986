"""The proxy itself, on real sockets, with names of our own: what it lets through, refuses, records and survives."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from anyio.abc import SocketStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeact.events import Event, NetworkRequested
from codeact.sandbox.network.proxy import MAX_CONNECTIONS, Proxy
from codeact.sandbox.network.rules import parse_rule
from codeact.sandbox.network.traffic import Traffic
from codeact.types import NetworkRequest

from .conftest import BIG, Site

pytestmark = pytest.mark.anyio

NAMES = {
    "api.test": ["127.0.0.1"],
    "inner.wild.test": ["10.1.2.3"],
    "metadata.test": ["169.254.169.254"],
    "nowhere.test": [],
}


async def names(host: str, port: int) -> Sequence[str]:
    if host not in NAMES:
        raise OSError("no such name")
    return NAMES[host]


@asynccontextmanager
async def proxy(traffic: Traffic, *hosts: str, **options: object) -> AsyncGenerator[int]:
    rules = [parse_rule(host) for host in hosts]
    made = Proxy(policy="allow:…", rules=rules, traffic=traffic, resolve=names, **options)  # pyright: ignore[reportArgumentType]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.serve, listener)
            yield listener.getsockname()[1]
            tasks.cancel_scope.cancel()


async def everything(stream: SocketStream) -> bytes:
    data = bytearray()
    with anyio.fail_after(30), suppress(anyio.BrokenResourceError):  # closed with bytes unread, which is a reset
        async for chunk in stream:
            data += chunk
    return bytes(data)


async def say(port: int, text: str) -> str:
    """What the proxy answers to this, as it comes."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(text.encode())
        return (await everything(stream)).decode("latin-1")


async def settled(traffic: Traffic) -> NetworkRequest:
    """The last request, once its bytes are counted."""
    with anyio.fail_after(30):
        while not traffic.requests or not traffic.requests[-1].received:  # noqa: ASYNC110 (nobody tells)
            await anyio.sleep(0.01)
    return traffic.requests[-1]


async def test_a_plain_request_is_passed_on(site: Site) -> None:
    traffic = Traffic()
    async with proxy(traffic, f"api.test:{site.port}", "127.0.0.1:" + str(site.port)) as port:
        head = f"GET http://api.test:{site.port}/hello HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: x\r\n\r\n"
        answer = await say(port, head)
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert answer.endswith("\r\n\r\nhello from the host")
    assert site.seen == [("GET", "/hello", f"api.test:{site.port}", "", b"")]
    record = await settled(traffic)
    assert (record.method, record.host, record.port, record.allowed) == ("GET", "api.test", site.port, True)
    assert record.sent > 0
    assert record.received > len("hello from the host")


async def test_a_body_is_passed_on_and_the_next_request_is_not(site: Site) -> None:
    """A second request in the same bytes could be meant for another host."""
    async with proxy(Traffic(), f"127.0.0.1:{site.port}") as port:
        url = f"http://127.0.0.1:{site.port}/hello"
        head = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        answer = await say(port, f"{head}bodyGET {url} HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 100 ")
    assert answer.count("hello from the host") == 1
    assert [(method, body) for method, _, _, _, body in site.seen] == [("POST", b"body")]


async def test_a_tunnel_carries_bytes_both_ways_and_counts_them(site: Site) -> None:
    traffic = Traffic()
    async with proxy(traffic, f"127.0.0.1:{site.port}") as port:
        inner = "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await say(port, f"CONNECT 127.0.0.1:{site.port} HTTP/1.0\r\n\r\n{inner}")
    head, _, rest = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 Connection established\r\n")
    assert rest.startswith("HTTP/1.1 200 OK\r\n")
    assert answer.endswith("\0" * 1000)
    (record,) = traffic.requests
    assert (record.method, record.sent) == ("CONNECT", len(inner))
    assert record.received > BIG
    assert record.reason == ""


@pytest.mark.parametrize(
    ("request_line", "status", "part"),
    [
        ("CONNECT evil.test:443 HTTP/1.1", 403, "evil.test:443 is not allowed by network='allow:…'; to allow it: "),
        ("CONNECT api.test:25 HTTP/1.1", 403, "network='allow:api.test:25'"),
        ("GET http://evil.test/ HTTP/1.1", 403, "evil.test:80 is not allowed"),
        ("GET http://127.0.0.1/ HTTP/1.1", 403, "127.0.0.1:80 is not allowed"),
        ("GET http://2130706433/ HTTP/1.1", 403, "2130706433:80 is not allowed"),
        ("CONNECT [::1]:443 HTTP/1.1", 403, "[::1]:443 is not allowed"),
        ("CONNECT api.test:443 HTTP/1.1", 403, "leads to the loopback address 127.0.0.1"),
        ("CONNECT inner.wild.test:443 HTTP/1.1", 403, "leads to the private address 10.1.2.3"),
        ("CONNECT metadata.test:443 HTTP/1.1", 403, "leads to the link-local or metadata address"),
        ("CONNECT nowhere.test:443 HTTP/1.1", 502, "no address for the host name nowhere.test"),
        ("GET http://nowhere.test/ HTTP/1.1", 502, "no address for the host name"),
        ("GET /etc/passwd HTTP/1.1", 400, "this is a proxy"),
        ("GET http://me:secret@api.test/ HTTP/1.1", 400, "takes no user names"),
        ("GET https://api.test/ HTTP/1.1", 400, "this is a proxy"),
        ("CONNECT http://api.test/ HTTP/1.1", 400, "cannot be read"),
        ("CONNECT api.test:x HTTP/1.1", 400, "cannot be read"),
        ("CONNECT a\u0001b:443 HTTP/1.1", 400, ""),
        ("nonsense", 400, ""),
    ],
)
async def test_what_is_refused_and_how(request_line: str, status: int, part: str) -> None:
    traffic = Traffic()
    async with proxy(traffic, "api.test", "*.wild.test", "metadata.test", "nowhere.test") as port:
        answer = await say(port, f"{request_line}\r\nHost: api.test\r\n\r\n")
    first, _, rest = answer.partition("\r\n")
    assert first.split(" ")[1] == str(status)
    assert part.replace("…", "?") in first
    assert part.replace("…", "?") in rest.partition("\r\n\r\n")[2]
    if status == 403:
        (record,) = traffic.requests
        assert not record.allowed
        assert part in record.reason


async def test_a_server_that_is_not_there_or_says_nonsense(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as rude:
        async with (
            proxy(Traffic(), f"127.0.0.1:{closed}", f"127.0.0.1:{rude.getsockname()[1]}") as port,
            anyio.create_task_group() as tasks,
        ):
            assert "502 127.0.0.1" in await say(port, f"GET http://127.0.0.1:{closed}/ HTTP/1.1\r\nHost: x\r\n\r\n")
            tasks.start_soon(anyio.to_thread.run_sync, _answer_nonsense, rude)
            answer = await say(port, f"GET http://127.0.0.1:{rude.getsockname()[1]}/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.startswith("HTTP/1.1 502 ")


def _answer_nonsense(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"SSH-2.0-hello\r\n\r\n")


async def test_the_password_of_an_index_is_added_and_only_reading_is_allowed(site: Site) -> None:
    site.password = "me:secret"
    options = {"credentials": {("127.0.0.1", site.port): "Basic bWU6c2VjcmV0"}, "reading_only": True}
    async with proxy(Traffic(), f"127.0.0.1:{site.port}", **options) as port:
        url = f"http://127.0.0.1:{site.port}/hello"
        assert "hello from the host" in await say(port, f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
        refused = await say(port, f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert "403 network='allow:?' lets GET and HEAD through, not POST" in refused
    assert len(site.seen) == 1


async def test_requests_are_events_of_the_action_that_runs() -> None:
    traffic, seen = Traffic(), list[Event]()
    async with proxy(traffic, "api.test") as port:
        with traffic.shown(seen.append):
            await say(port, "CONNECT evil.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        await say(port, "CONNECT late.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [event.request.host for event in seen if isinstance(event, NetworkRequested)] == ["evil.test"]
    assert [request.host for request in traffic.requests] == ["evil.test", "late.test"]


async def test_a_head_without_end_is_refused() -> None:
    async with proxy(Traffic(), "api.test") as port:
        answer = await say(port, "GET http://api.test/ HTTP/1.1\r\nHost: x\r\nLong: " + "x" * 100_000 + "\r\n")
    assert "200" not in answer.partition("\r\n")[0]


async def test_more_connections_than_are_served_wait_for_their_turn(site: Site) -> None:
    async with proxy(Traffic(), f"127.0.0.1:{site.port}") as port:
        silent = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        answers: list[str] = []

        async def ask() -> None:
            url = f"http://127.0.0.1:{site.port}/hello"
            answers.append(await say(port, f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.sleep(0.1)
            for stream in silent:
                await stream.aclose()
        assert "hello from the host" in answers[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
async def test_no_bytes_end_the_proxy(data: bytes) -> None:
    async with proxy(Traffic(), "api.test") as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            with suppress(anyio.BrokenResourceError, OSError):  # it has been answered already
                await stream.send(data)
                await stream.send_eof()
            await everything(stream)
        assert "403" in await say(port, "CONNECT evil.test:1 HTTP/1.1\r\nHost: x\r\n\r\n")
