"""Sessions under each policy: what code in a box reaches, what it does not, and what is left when it ends."""

from __future__ import annotations

import os
import socket

import anyio
import pytest

from codeact.errors import UnsupportedError, UsageError
from codeact.events import Event, NetworkRequested
from codeact.sandbox import Allow
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox
from codeact.sandbox.session import BoxSession

from .conftest import BIG, Site

pytestmark = pytest.mark.anyio

FETCH = (
    "import urllib.request\n"
    "def fetch(url):\n"
    "    with urllib.request.urlopen(url, timeout=30) as page:\n"
    "        return page.read()\n"
)


def listed(site: Site) -> Allow:
    return Allow((f"127.0.0.1:{site.port}",))


async def error_of(session: BoxSession, code: str) -> str:
    result = await session.run(code, time_limit=60)
    assert result.error is not None, f"not held: {code} gave {result.value} {result.stdout}"
    return f"{result.error.name}: {result.error.message}"


async def test_listed_hosts_are_reached_by_name_and_nothing_else_is(server: LocalSandbox, site: Site) -> None:
    async with server.open(network=listed(site)) as session:
        result = await session.run(f"{FETCH}\nfetch('{site.url}/hello')")
        assert (result.error, result.value) == (None, "b'hello from the host'")
        assert "127.0.0.1:1 is not allowed by network='allow:127.0.0.1:" in await error_of(
            session, "fetch('http://127.0.0.1:1/')"
        )
        assert "403 example.com:443 is not allowed" in await error_of(session, "fetch('https://example.com/')")
        assert [(each.host, each.allowed) for each in session.requests] == [
            ("127.0.0.1", True),
            ("127.0.0.1", False),
            ("example.com", False),
        ]
        assert session.info.network == str(listed(site))


async def test_there_is_no_way_around_the_proxy(server: LocalSandbox, site: Site) -> None:
    """The box has no route and no resolver: what ignores the proxy gets nowhere."""
    async with server.open(network=listed(site)) as session:
        connect = "import socket; socket.create_connection(({host!r}, {port}), 5)"
        assert "ConnectionRefusedError" in await error_of(session, connect.format(host="127.0.0.1", port=site.port))
        assert "OSError" in await error_of(session, connect.format(host="10.255.255.1", port=80))
        assert "gaierror" in await error_of(session, "socket.getaddrinfo('example.com', 80)")
        assert (await session.run("[name for _, name in socket.if_nameindex()]")).value == "['lo']"
        taken = "socket.socket().bind(('127.0.0.1', 3128))"
        assert "OSError" in await error_of(session, taken)
        assert site.seen == []


async def test_programs_find_the_proxy(server: LocalSandbox, site: Site) -> None:
    async with server.open(network=listed(site)) as session:
        result = await session.run(f"!curl -sS {site.url}/hello")
        assert result.stdout == "hello from the host"
        result = await session.run(f"!curl -sS -p {site.url}/hello")  # by CONNECT
        assert result.stdout == "hello from the host"
        assert [each.method for each in session.requests] == ["GET", "CONNECT"]


async def test_what_the_session_serves_itself_needs_no_proxy(server: LocalSandbox) -> None:
    async with server.open(network=Allow(("api.example.com",))) as session:
        code = (
            "import http.server, threading\n"
            "s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
            "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
            f"{FETCH}\nlen(fetch(f'http://127.0.0.1:{{s.server_port}}/')) > 0"
        )
        result = await session.run(code)
        assert (result.error, result.value) == (None, "True")
        assert session.requests == []


async def test_a_big_download_arrives_whole_and_is_counted(server: LocalSandbox, site: Site) -> None:
    async with server.open(network=listed(site)) as session:
        assert (await session.run(f"{FETCH}\nlen(fetch('{site.url}/big'))")).value == str(BIG)
        (record,) = session.requests
        with anyio.fail_after(30):
            while (record := session.requests[0]).received < BIG:  # noqa: ASYNC110 (nobody tells)
                await anyio.sleep(0.01)
        assert record.reason == ""


async def test_requests_are_events(server: LocalSandbox, site: Site) -> None:
    seen: list[Event] = []
    async with server.open(network=listed(site)) as session:
        await session.run(f"{FETCH}\nfetch('{site.url}/hello')", emit=seen.append)
    (request,) = [event.request for event in seen if isinstance(event, NetworkRequested)]
    assert (request.method, request.host, request.port, request.allowed) == ("GET", "127.0.0.1", site.port, True)


async def test_the_network_outlives_the_interpreter_and_is_shared_by_branches(server: LocalSandbox, site: Site) -> None:
    async with server.open(network=listed(site)) as session:
        await session.run(FETCH)
        await session.run("import os; os._exit(1)")
        code = f"{FETCH}\nfetch('{site.url}/hello')"
        assert (await session.run(code)).value == "b'hello from the host'"
        async with await session.fork() as branch:
            assert (await branch.run(code)).value == "b'hello from the host'"
            assert len(branch.requests) == 2


async def test_a_session_that_ends_closes_its_connections_and_leaves_no_descriptor(
    server: LocalSandbox, site: Site
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        tunnel = (
            "import socket; s = socket.create_connection(('127.0.0.1', 3128), 30)\n"
            f"s.sendall(b'CONNECT 127.0.0.1:{port} HTTP/1.0\\r\\n\\r\\n'); s.recv(1000).split()[1]"
        )
        async with server.open(network=Allow((f"127.0.0.1:{port}",))) as session:
            assert (await session.run(tunnel)).value == "b'200'"
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(30)
            assert connection.recv(1) == b""
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_cancelled_session_closes_its_connections(server: LocalSandbox) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = f"{FETCH}\nfetch('http://127.0.0.1:{port}/')"

        async def use() -> None:
            async with server.open(network=Allow((f"127.0.0.1:{port}",))) as session:
                await session.run(code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use)
            await anyio.wait_readable(listener)
            connection, _ = listener.accept()
            await anyio.wait_readable(connection)  # it asks, and is never answered
            tasks.cancel_scope.cancel()
        with connection:
            connection.settimeout(30)
            while connection.recv(1000):
                pass
    assert len(os.listdir("/proc/self/fd")) == before


async def test_an_error_of_the_caller_comes_out_by_its_own_name(server: LocalSandbox, site: Site) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with server.open(network=listed(site)):
            raise KeyError("mine")


async def test_policies_that_cannot_be_kept_are_refused(server: LocalSandbox) -> None:
    with pytest.raises(UnsupportedError, match="cannot keep network='packages'"):
        async with SubprocessSandbox(preload=()).open(network="packages"):
            pass
    with pytest.raises(UsageError, match="no network policy"):
        async with server.open(network="closed"):  # pyright: ignore[reportArgumentType]
            pass
