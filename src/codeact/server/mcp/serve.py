"""Serving MCP clients until they leave."""

from __future__ import annotations

from codeact.server.mcp.desks import Desks
from codeact.server.mcp.service import THE_CLIENT, Service
from codeact.server.mcp.stdio import stdio_streams


async def serve_stdio(desks: Desks) -> None:
    """Serve the one client at standard input and output, until it leaves. Its interpreter is opened first, so that what
    is missing on this machine is known before anybody relies on it.

    Raises:
        CodeActError: no interpreter can be opened here.
    """
    async with desks.of(THE_CLIENT) as (desk, _):
        server = Service(desks, desk.info).server()
    async with stdio_streams(desks.settings.most_message) as (read, write):
        await server.run(read, write, server.create_initialization_options())
