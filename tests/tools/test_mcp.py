"""MCP servers as tools, against a real server process, over stdio and over HTTP on the loopback interface."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import pytest

from codeact.errors import SetupError, ToolError, UsageError
from codeact.tools import ToolSet, mcp_tools, tool
from codeact.types import ToolCall

pytestmark = pytest.mark.anyio

SCRIPT = str(Path(__file__).parent / "mcp_server.py")
STDIO = [sys.executable, SCRIPT, "stdio"]


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with subprocess.Popen([sys.executable, SCRIPT, "http"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/mcp"
        process.kill()


@pytest.fixture(params=["stdio", "http"])
async def tools(request: pytest.FixtureRequest, url: str) -> AsyncIterator[ToolSet]:
    async with mcp_tools(url if request.param == "http" else STDIO) as connected:
        yield connected


async def call(tools: ToolSet, name: str, *args: object, **kwargs: object) -> object:
    return await tools.call(ToolCall(name, args, kwargs))


async def refused(tools: ToolSet, name: str, *args: object, **kwargs: object) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await call(tools, name, *args, **kwargs)
    return caught.value


async def test_specs(tools: ToolSet) -> None:
    specs = {spec.name: spec for spec in tools.specs}
    assert specs["add"].signature == "(a: int, b: int = 2) -> int"
    assert (specs["add"].doc, specs["add"].read_only, specs["add"].needs_approval) == ("Add two numbers.", True, False)
    order = specs["place_order"]
    assert order.signature == ("(order: dict, mode: Literal['fast', 'slow'] = 'fast', note: str | None = None) -> dict")
    assert order.doc == 'Place an order.\n\nArgs:\n    order: {"id": int, "lines": NotRequired[list[str]]}'
    assert (order.read_only, order.needs_approval) == (False, True)
    assert specs["list_"].signature == "(count: int) -> list[float]"


async def test_calls(tools: ToolSet) -> None:
    assert await call(tools, "add", 1) == 3
    assert await call(tools, "add", a=1, b=5) == 6
    order = {"id": 1, "lines": ["tea"]}
    assert await call(tools, "place_order", order, note=None) == {"id": 2, "lines": ["tea", "fast", "None"]}
    assert await call(tools, "list_", 2) == [1.5, 1.5]
    assert await call(tools, "say", "hello") == "hello\ndone"
    assert await call(tools, "draw") == b"\x89PNG picture"


async def test_calls_side_by_side(tools: ToolSet) -> None:
    got: list[object] = []

    async def add(number: int) -> None:
        got.append(await call(tools, "add", number))

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(add, number)
    assert sorted(map(str, got)) == sorted(str(number + 2) for number in range(10))


async def test_the_servers_errors_are_the_models_to_read(tools: ToolSet) -> None:
    assert "fail" in str(await refused(tools, "fail", "because"))
    assert "valid integer" in str(await refused(tools, "add", "x"))


async def test_wrong_arguments_do_not_reach_the_server(tools: ToolSet) -> None:
    missing = await refused(tools, "add", c=1)
    assert (missing.name, str(missing)) == (
        "TypeError",
        "add() got an unexpected argument 'c'; parameters: a: int, b: int = 2",
    )
    for value in (float("nan"), "\ud800", object()):
        assert "cannot send this as JSON" in str(await refused(tools, "add", value))
    assert await call(tools, "add", 1) == 3


@pytest.mark.parametrize("kind", ["stdio", "http"])
async def test_time_limit(kind: str, url: str) -> None:
    async with mcp_tools(url if kind == "http" else STDIO, time_limit=0.2) as tools:
        error = await refused(tools, "wait", 60)
        assert (error.name, str(error)) == ("TimeoutError", "wait() did not finish within 0.2 seconds")
        assert await call(tools, "add", 1) == 3


async def test_a_cancelled_call_leaves_the_connection_usable(tools: ToolSet) -> None:
    with anyio.move_on_after(0.1):
        await call(tools, "wait", 60)
    assert await call(tools, "add", 1) == 3


async def test_a_server_that_dies_in_a_call() -> None:
    async with mcp_tools(STDIO) as tools:
        error = await refused(tools, "die")
        assert (error.name, str(error)) == ("ConnectionError", "die() failed: the server behind this tool has ended")
        assert (await refused(tools, "add", 1)).name == "ConnectionError"


async def test_a_call_after_the_end() -> None:
    async with mcp_tools(STDIO) as tools:
        pass
    assert await refused(tools, "add", 1)


async def test_environment_and_prefix() -> None:
    os.environ["CODEACT_TEST_SECRET"] = "ours"
    try:
        async with mcp_tools(STDIO, env={"GIVEN": "yes"}, prefix="lab_") as tools:
            assert await call(tools, "lab_environment", "GIVEN") == "yes"
            assert await call(tools, "lab_environment", "CODEACT_TEST_SECRET") == "not set"
    finally:
        del os.environ["CODEACT_TEST_SECRET"]


async def test_two_servers_and_a_function_in_one_set(url: str) -> None:
    @tool
    def local() -> str:
        return "here"

    async with mcp_tools(STDIO, prefix="a_") as first, mcp_tools(url, prefix="b_") as second:
        tools = ToolSet([local, first, second])
        assert await call(tools, "a_add", 1) == await call(tools, "b_add", 1) == 3
        assert await call(tools, "local") == "here"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("no-such-program --flag", "cannot use the MCP server 'no-such-program --flag': there is no such program"),
        ([sys.executable, SCRIPT, "crash"], "its last words:\ncannot find the key to the database"),
        ("/bin/true", "it ended, or never spoke MCP"),
        ("http://127.0.0.1:9/mcp", "'http://127.0.0.1:9/mcp': All connection attempts failed"),
    ],
)
async def test_servers_that_cannot_be_used(server: str | list[str], words: str) -> None:
    with pytest.raises(SetupError) as caught:
        async with mcp_tools(server):
            pass
    assert words in str(caught.value)


async def test_a_server_that_does_not_start_in_time() -> None:
    with pytest.raises(SetupError, match=r"did not answer within 0\.2 seconds"):
        async with mcp_tools([sys.executable, SCRIPT, "slow-start", "600"], start_limit=0.2):
            pass


async def test_no_server_at_all() -> None:
    with pytest.raises(UsageError, match="this one is empty"):
        async with mcp_tools(""):
            pass


async def test_an_error_in_the_block_comes_out_as_it_is(url: str) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with mcp_tools(url):
            raise KeyError("mine")


async def test_cancelling_the_block_ends_the_server(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    server = ["/bin/sh", "-c", f'echo $$ > {pid_file}; exec "$0" "$@"', *STDIO]
    with anyio.CancelScope() as scope:
        async with mcp_tools(server):
            scope.cancel()
            await anyio.sleep(60)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@asynccontextmanager
async def web_server(reply: bytes) -> AsyncIterator[str]:
    """Answers every request with the same bytes."""

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(reply)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/mcp"
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<p/>",
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"what?",
    ],
    ids=["html", "401", "500", "not-http"],
)
async def test_web_servers_that_speak_no_mcp(reply: bytes) -> None:
    async with web_server(reply) as url:
        with pytest.raises(SetupError, match="cannot use the MCP server"):
            async with mcp_tools(url):
                pass
