"""An agent for editors over the Agent Client Protocol (`codeact acp`): our agent's events as an editor shows them.

Extra `acp`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codeact.errors import MissingExtraError

if TYPE_CHECKING:
    from codeact.server.acp.serve import serve_acp

__all__ = ["serve_acp"]


def __getattr__(name: str) -> Any:
    if name != "serve_acp":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module("codeact.server.acp.serve").serve_acp
    except ModuleNotFoundError as error:
        if error.name != "acp":
            raise
        raise MissingExtraError("acp", "an agent for editors") from error
