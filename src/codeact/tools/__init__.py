"""Tools: host functions and MCP servers, described to a model and called by name.

`mcp_tools` needs the extra `mcp`, and its SDK is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codeact.errors import MissingExtraError
from codeact.tools.base import Tool
from codeact.tools.function import FunctionTool, tool
from codeact.tools.render import as_data, render_value
from codeact.tools.toolset import ToolSet, ToolSource

if TYPE_CHECKING:
    from codeact.tools.mcp import mcp_tools

__all__ = ["FunctionTool", "Tool", "ToolSet", "ToolSource", "as_data", "mcp_tools", "render_value", "tool"]


def __getattr__(name: str) -> Any:
    if name != "mcp_tools":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module("codeact.tools.mcp").mcp_tools
    except ModuleNotFoundError as error:
        if error.name not in ("mcp", "mcp_types", "httpx2"):
            raise
        raise MissingExtraError("mcp", "connecting to an MCP server") from error
