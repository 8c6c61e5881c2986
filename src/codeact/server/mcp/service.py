"""The MCP server: each client's calls go to that client's desk."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

import mcp_types
from mcp import MCPError
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION, MODERN_PROTOCOL_VERSIONS

from codeact.errors import CodeActError
from codeact.server.mcp import exchange, results, tools
from codeact.server.mcp.desk import Desk
from codeact.server.mcp.desks import Desks
from codeact.server.mcp.uris import SCHEME, path_of, uri_of
from codeact.types import BoxInfo

THE_CLIENT = "the client"  # over stdio there is one
SESSION = "mcp-session-id"

Context = ServerRequestContext[Any, Any]
Around = Callable[[str, Mapping[str, Any]], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def nothing(tool: str, arguments: Mapping[str, Any]) -> AsyncGenerator[None]:
    """Around a call for which nobody has to account."""
    yield


class Service:
    """What a `Server` of the SDK is given to answer requests with. `around`: of each call of a tool."""

    def __init__(self, desks: Desks, info: BoxInfo, around: Around = nothing) -> None:
        self._around = around
        self._desks = desks
        self._info = info
        self._tools = tools.offered(info, desks.settings)

    def server(self) -> Server[Any]:
        server: Server[Any] = Server(
            "codeact",
            version=version("codeact"),
            title="CodeAct: a stateful, isolated Python",
            instructions=tools.instructions(self._info, self._desks.settings),
            get_tool_input_schema=lambda name: None,  # no argument of ours is also a header
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
        )
        server.middleware.append(only_sessions)
        server.add_request_handler("server/discover", mcp_types.RequestParams, self._discover)
        return server

    async def _list_tools(
        self, ctx: Context, params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[tool.listed() for tool in self._tools.values()])

    async def _call_tool(self, ctx: Context, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            names = ", ".join(self._tools)
            raise MCPError(mcp_types.INVALID_PARAMS, f"there is no tool {params.name!r}; there are: {names}")
        try:
            async with self._around(tool.name, params.arguments or {}), self._desks.of(client_of(ctx)) as (desk, note):
                call = tools.Call(desk=desk, settings=self._desks.settings, ctx=ctx, note=note)
                return await tool.call(call, params.arguments)
        except CodeActError as error:
            return results.of_failure(error)

    async def _list_resources(
        self, ctx: Context, params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListResourcesResult:
        async with self._desk(ctx) as desk:
            files = await desk.session().files()
        listed = sorted(files, key=lambda file: file.path)[: results.MOST_LISTED]
        return mcp_types.ListResourcesResult(
            resources=[
                mcp_types.Resource(
                    uri=uri_of(file.path),
                    name=results.writable(file.path),
                    size=file.size,
                    mime_type=results.type_of(file.path),
                )
                for file in listed
            ]
        )

    async def _list_templates(
        self, ctx: Context, params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListResourceTemplatesResult:
        template = mcp_types.ResourceTemplate(
            uri_template=f"{SCHEME}:///{{+path}}", name="workspace file", description="A file of the working directory."
        )
        return mcp_types.ListResourceTemplatesResult(resource_templates=[template])

    async def _read_resource(
        self, ctx: Context, params: mcp_types.ReadResourceRequestParams
    ) -> mcp_types.ReadResourceResult:
        async with self._desk(ctx) as desk:
            path = path_of(params.uri)
            data = await exchange.get(desk.session(), path, self._desks.settings.most_file)
        return mcp_types.ReadResourceResult(contents=[results.contents_of(params.uri, path, data)])

    @asynccontextmanager
    async def _desk(self, ctx: Context) -> AsyncGenerator[Desk]:
        """The client's desk, for a request whose failures are answered as errors of the protocol."""
        try:
            async with self._desks.of(client_of(ctx)) as (desk, _):
                yield desk
        except CodeActError as error:
            raise MCPError(mcp_types.INVALID_PARAMS, results.writable(str(error))) from error

    async def _discover(self, ctx: Context, params: mcp_types.RequestParams) -> mcp_types.DiscoverResult:
        """Over HTTP only versions with sessions are offered; a client that knows both then takes one of them."""
        return mcp_types.DiscoverResult(
            supported_versions=list(
                HANDSHAKE_PROTOCOL_VERSIONS if ctx.request is not None else MODERN_PROTOCOL_VERSIONS
            ),
            capabilities=mcp_types.ServerCapabilities(
                tools=mcp_types.ToolsCapability(), resources=mcp_types.ResourcesCapability()
            ),
            instructions=tools.instructions(self._info, self._desks.settings),
        )


def client_of(ctx: Context) -> str:
    """Whose desk a request is for: over HTTP by the session's id, which the SDK has made and checked."""
    if ctx.request is None:
        return THE_CLIENT
    return ctx.request.headers[SESSION]


async def only_sessions(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Since 2026-07-28 HTTP requests belong to no session, so there is nobody for whom an interpreter could be kept."""
    sessionless = ctx.request is not None and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
    if sessionless and ctx.method != "server/discover":
        raise MCPError(
            mcp_types.UNSUPPORTED_PROTOCOL_VERSION,
            f"version {ctx.protocol_version} has no sessions over HTTP, and an interpreter belongs to one; "
            f"use version {LATEST_HANDSHAKE_VERSION}, or stdio",
            {"supported": list(HANDSHAKE_PROTOCOL_VERSIONS), "requested": ctx.protocol_version},
        )
    return await call_next(ctx)
