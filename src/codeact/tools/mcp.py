"""The tools of an MCP server, over stdio or streamable HTTP, through the official SDK (extra `mcp`).

The SDK's client lives in a task of its own from start to end. Its cancel scopes are opened and closed there and nowhere
else, so a start can be given up, a server can die and a caller can be cancelled without one reaching into the other.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

import anyio
import anyio.abc
import httpx2
import mcp_types
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic_core import to_jsonable_python

from codeact.errors import SetupError, ToolError, UsageError
from codeact.tools.arguments import Arguments
from codeact.tools.calling import root_cause, tool_error
from codeact.tools.render import as_data
from codeact.tools.schema import arguments_doc, parameter_names, renamed, signature_of, tool_name, type_of
from codeact.tools.signature import Verbatim, parameters_text, signature_text
from codeact.tools.toolset import ToolSet
from codeact.types import JSON, ToolSpec

CLIENT = mcp_types.Implementation(name="codeact", version="1")
PAGES = 100  # of a tool list; a server that never ends it is refused
CLOSE_LIMIT = 5.0  # seconds
LAST_WORDS = 2000  # bytes of a server's stderr that are shown when it does not start


@asynccontextmanager
async def mcp_tools(
    server: str | Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    prefix: str = "",
    time_limit: float | None = 60.0,
    start_limit: float = 30.0,
) -> AsyncGenerator[ToolSet]:
    """The tools that a server lists at the start of the block, for as long as the block lasts.

    `server` is a command (a string as typed in a shell, or a list) that is started and spoken to over stdio, with `env`
    added to a minimal environment; or an `http(s)://` URL, with `headers`. Names become Python identifiers, with
    `prefix` in front. `time_limit` is seconds per call, None for none; `start_limit` seconds until tools are listed.

    Raises:
        UsageError: no server given.
        SetupError: it cannot be started or reached, or does not speak MCP in time.
    """
    failure: Exception | None = None
    with tempfile.TemporaryFile("w+") as log:
        connection = Connection(server=_server(server, env, headers), log=log)
        async with anyio.create_task_group() as group:
            try:
                client, listed = await connection.start(group, start_limit)
                yield ToolSet(_tools(client, listed, prefix, time_limit))
            except Exception as error:  # noqa: BLE001 -- raised again below: the group would wrap it
                failure = error
            await connection.close()
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """One tool of a connected server."""

    spec: ToolSpec
    client: Client
    remote: mcp_types.Tool
    arguments: Arguments
    time_limit: float | None  # seconds

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call it on the server. Structured content comes as data, text as `str`, images and other files as `bytes`.

        Raises:
            ToolError: wrong arguments, the server's own error, the time limit, or a server that has ended.
        """
        arguments = self._sent(args, kwargs)
        with anyio.move_on_after(self.time_limit):
            try:
                result = await self.client.call_tool(self.remote.name, arguments)
            except MCPError as error:
                raise self._failed(error) from error
            except Exception as error:  # a reply that is not MCP, or not what the tool's own schema says
                raise tool_error(error, given=arguments) from error
            value = _value(result, self.remote)
            if result.is_error:
                raise ToolError(value if isinstance(value, str) else repr(value))
            return value
        raise ToolError(f"{self.spec.name}() did not finish within {self.time_limit:g} seconds", name="TimeoutError")

    def _sent(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, JSON]:
        """The arguments under the server's names, as JSON."""
        names = parameter_names(self.remote.input_schema)
        bound = self.arguments.bind(args, {names.get(key, key): value for key, value in kwargs.items()}).arguments
        given = {key: bound[name] for key, name in names.items() if not isinstance(bound[name], Verbatim)}
        if "more" not in names.values():  # else it is a parameter like any other
            given.update(bound.get("more", {}))
        try:
            data = to_jsonable_python(as_data(given), bytes_mode="base64")
            # Tried out here because what cannot be written (NaN, lone surrogates) would break the connection for all.
            json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
        except ValueError as error:
            raise ToolError(f"{self.spec.name}() cannot send this as JSON: {error}", name="TypeError") from error
        return data

    def _failed(self, error: MCPError) -> ToolError:
        if error.code == mcp_types.CONNECTION_CLOSED:
            return ToolError(
                f"{self.spec.name}() failed: the server behind this tool has ended", name="ConnectionError"
            )
        return ToolError(f"{self.spec.name}() was refused by its server: {error.message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where an MCP server is: a command to start, or a URL."""

    command: tuple[str, ...] = ()
    url: str = ""
    env: Mapping[str, str] | None = None  # on top of PATH, HOME and the like; nothing else of ours is passed on
    headers: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return repr(self.url or shlex.join(self.command))


def _server(server: str | Sequence[str], env: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Server:
    if isinstance(server, str) and server.startswith(("http://", "https://")):
        return Server(url=server, headers=headers)
    command = tuple(shlex.split(server) if isinstance(server, str) else server)
    if not command:
        raise UsageError("an MCP server is given as a command or as an http:// URL; this one is empty")
    return Server(command=command, env=env)


Connected = tuple[Client, list[mcp_types.Tool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The life of one connection: started, held by its own task, closed."""

    server: Server
    log: TextIO  # the server's stderr: no part of our output, but it says why a server did not start
    closing: anyio.Event = field(default_factory=anyio.Event)
    closed: anyio.Event = field(default_factory=anyio.Event)

    async def start(self, group: anyio.abc.TaskGroup, limit: float) -> Connected:
        """Start the task that holds the connection, and wait until it has the list of tools."""
        try:
            with anyio.fail_after(limit):
                return await group.start(self._hold)
        except TimeoutError as error:
            reason = f"the MCP server {self.server} did not answer within {limit:g} seconds"
            raise SetupError(reason + self._last_words()) from error
        except Exception as error:  # whatever the SDK, the transport or the operating system raised
            reason = f"cannot use the MCP server {self.server}: {_reason(error)}"
            raise SetupError(reason + self._last_words()) from error

    async def close(self) -> None:
        """Take leave of the server, for at most some seconds."""
        self.closing.set()
        with anyio.move_on_after(CLOSE_LIMIT):
            await self.closed.wait()

    async def _hold(self, *, task_status: anyio.abc.TaskStatus[Connected]) -> None:
        connected = False
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(Client(await self._transport(stack), client_info=CLIENT))
                task_status.started((client, await _listed(client)))
                connected = True
                await self.closing.wait()
        except Exception:
            if not connected:
                raise
            # A connection that breaks later, or does not close well, shows in the calls, each of which fails by itself.
        finally:
            self.closed.set()

    async def _transport(self, stack: AsyncExitStack) -> Any:
        server = self.server
        if server.url:
            timeout = httpx2.Timeout(30.0, read=None)  # seconds; how long a call may take is for `time_limit` to say
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=server.headers, timeout=timeout))
            return streamable_http_client(server.url, http_client=http)
        program, *args = server.command
        env = dict(server.env) if server.env else None
        return stdio_client(StdioServerParameters(command=program, args=args, env=env), errlog=self.log)

    def _last_words(self) -> str:
        """The end of what the server wrote to stderr. Read in place: the server shares the file's position."""
        size = os.fstat(self.log.fileno()).st_size
        text = os.pread(self.log.fileno(), LAST_WORDS, max(0, size - LAST_WORDS)).decode(errors="replace").strip()
        return f"; its last words:\n{text}" if text else ""


async def _listed(client: Client) -> list[mcp_types.Tool]:
    tools: list[mcp_types.Tool] = []
    cursor: str | None = None
    for _ in range(PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise SetupError(f"its list of tools does not end after {PAGES} pages")


def _tools(client: Client, listed: Sequence[mcp_types.Tool], prefix: str, limit: float | None) -> list[McpTool]:
    tools: dict[str, McpTool] = {}
    for remote in listed:
        name = tool_name(prefix + remote.name, tools)
        signature, hints = signature_of(remote.input_schema)
        arguments = Arguments(name=name, signature=signature, adapters={}, text=parameters_text(signature, hints))
        returned, given = _returned(remote), remote.annotations or mcp_types.ToolAnnotations()
        spec = ToolSpec(
            name=name,
            signature=signature_text(signature, {**hints, "return": Verbatim(returned)} if returned else hints),
            doc="\n\n".join(filter(None, [remote.description, arguments_doc(remote.input_schema)])),
            schema=renamed(remote.input_schema),
            read_only=bool(given.read_only_hint),
            needs_approval=bool(given.destructive_hint and not given.read_only_hint),
        )
        tools[name] = McpTool(spec=spec, client=client, remote=remote, arguments=arguments, time_limit=limit)
    return list(tools.values())


def _value(result: mcp_types.CallToolResult, remote: mcp_types.Tool) -> Any:
    structured = result.structured_content
    if structured is not None and not result.is_error:
        return structured["result"] if _is_wrapped(remote) and "result" in structured else structured
    parts = [_part(block) for block in result.content]
    if all(isinstance(part, str) for part in parts):
        return "\n".join(map(str, parts))
    return parts[0] if len(parts) == 1 else parts


def _part(block: mcp_types.ContentBlock) -> str | bytes:
    match block:
        case mcp_types.TextContent():
            return block.text
        case mcp_types.ImageContent() | mcp_types.AudioContent():
            return base64.b64decode(block.data)
        case mcp_types.EmbeddedResource():
            resource = block.resource
            is_text = isinstance(resource, mcp_types.TextResourceContents)
            return resource.text if is_text else base64.b64decode(resource.blob)
        case mcp_types.ResourceLink():
            return f"{block.name}: {block.uri}"


def _is_wrapped(remote: mcp_types.Tool) -> bool:
    """Whether the server put a plain value into `{"result": …}`, as servers do because a result had to be an object."""
    return list((remote.output_schema or {}).get("properties", {})) == ["result"]


def _returned(remote: mcp_types.Tool) -> str:
    schema = remote.output_schema
    if not schema:
        return ""
    return type_of(schema["properties"]["result"] if _is_wrapped(remote) else schema, schema)


def _reason(error: BaseException) -> str:
    error = root_cause(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such program; is it installed, and on the PATH?"
    if isinstance(error, MCPError) and error.code == mcp_types.CONNECTION_CLOSED:
        return "it ended, or never spoke MCP"
    return f"{str(error) or type(error).__name__}"
