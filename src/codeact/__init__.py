"""CodeAct: let a language model act by writing Python.

The public face. Names are imported on first use, so that `import codeact` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codeact import actions, models, sandbox, tools, trajectory
    from codeact.actions import action_space
    from codeact.agent import Agent, Budget, Conversation, RunResult, expect_files, grounded
    from codeact.errors import CodeActError
    from codeact.events import Event
    from codeact.models import open_model
    from codeact.sandbox.base import Allow, Limits
    from codeact.tools import ToolSet, mcp_tools, tool
    from codeact.trajectory import load_trajectory
    from codeact.types import Answer, CodeAction, ExecResult, Message, Trajectory

_HOMES = {
    "Agent": "codeact.agent",
    "Allow": "codeact.sandbox.base",
    "Answer": "codeact.types",
    "Budget": "codeact.agent",
    "CodeAction": "codeact.types",
    "CodeActError": "codeact.errors",
    "Conversation": "codeact.agent",
    "Event": "codeact.events",
    "ExecResult": "codeact.types",
    "Limits": "codeact.sandbox.base",
    "Message": "codeact.types",
    "RunResult": "codeact.agent",
    "ToolSet": "codeact.tools",
    "Trajectory": "codeact.types",
    "action_space": "codeact.actions",
    "expect_files": "codeact.agent",
    "grounded": "codeact.agent",
    "load_trajectory": "codeact.trajectory",
    "mcp_tools": "codeact.tools",
    "open_model": "codeact.models",
    "tool": "codeact.tools",
}
_PACKAGES = ("actions", "models", "sandbox", "tools", "trajectory")

__all__ = [
    "Agent",
    "Allow",
    "Answer",
    "Budget",
    "CodeActError",
    "CodeAction",
    "Conversation",
    "Event",
    "ExecResult",
    "Limits",
    "Message",
    "RunResult",
    "ToolSet",
    "Trajectory",
    "action_space",
    "actions",
    "expect_files",
    "grounded",
    "load_trajectory",
    "mcp_tools",
    "models",
    "open_model",
    "sandbox",
    "tool",
    "tools",
    "trajectory",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _PACKAGES:
        return import_module(f"codeact.{name}")
    raise AttributeError(f"module 'codeact' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
