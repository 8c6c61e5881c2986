"""An MCP server (`codeact mcp`) whose tools are a stateful, isolated Python: run, files, fork, undo. Extra `mcp`.

    async with open_desks(sandbox, settings) as desks:
        await serve_stdio(desks)

Over stdio there is one client; over HTTP each MCP session has an interpreter of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codeact.errors import MissingExtraError

if TYPE_CHECKING:
    from codeact.server.mcp.desks import Desks, open_desks
    from codeact.server.mcp.http import Entry, serve_http
    from codeact.server.mcp.serve import serve_stdio
    from codeact.server.mcp.settings import McpSettings

__all__ = ["Desks", "Entry", "McpSettings", "open_desks", "serve_http", "serve_stdio"]

_PLACES = {
    "Desks": "codeact.server.mcp.desks",
    "Entry": "codeact.server.mcp.http",
    "McpSettings": "codeact.server.mcp.settings",
    "open_desks": "codeact.server.mcp.desks",
    "serve_http": "codeact.server.mcp.http",
    "serve_stdio": "codeact.server.mcp.serve",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_PLACES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("mcp", "mcp_types"):
            raise
        raise MissingExtraError("mcp", "an MCP server") from error
