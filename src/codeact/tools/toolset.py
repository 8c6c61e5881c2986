"""The tools of a run, from any source, under one name each."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from codeact.errors import ToolError, UsageError
from codeact.tools.base import Tool
from codeact.tools.function import tool
from codeact.types import ToolBox, ToolCall, ToolSpec

ToolSource = Tool | ToolBox | Callable[..., Any]


class ToolSet:
    """A `ToolBox` of tools, plain functions and other tool boxes (an MCP connection, another set)."""

    def __init__(self, tools: Iterable[ToolSource] = ()) -> None:
        """Raises `UsageError` for something that is no tool, and for two tools of the same name."""
        self._specs: dict[str, ToolSpec] = {}
        self._owners: dict[str, Tool | ToolBox] = {}
        for source in tools:
            if isinstance(source, Tool):
                self._add(source.spec, source)
            elif _is_box(source):
                for spec in source.specs:
                    self._add(spec, source)
            elif callable(source):
                made = tool(source)
                self._add(made.spec, made)
            else:
                raise UsageError(f"{source!r} is not a tool; give a function, a tool or a tool box")

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return tuple(self._specs.values())

    async def call(self, call: ToolCall) -> Any:
        """Raises `ToolError` for whatever goes wrong, an unknown name included; `SandboxError` as the tool does."""
        owner = self._owners.get(call.name)
        if owner is None:
            raise ToolError(_unknown(call.name, self._owners), name="NameError")
        if isinstance(owner, Tool):
            return await owner.call(call.args, call.kwargs)
        return await owner.call(call)

    def _add(self, spec: ToolSpec, owner: Tool | ToolBox) -> None:
        if spec.name in self._specs:
            raise UsageError(
                f"two tools are named {spec.name!r}; "
                "remedy: @tool(name='…') for a function, prefix='…' for an MCP server"
            )
        if "self" in list(spec.schema.get("properties", {}))[:1]:
            raise UsageError(
                f"tool {spec.name!r} is a method of a class; remedy: take it from an instance, as in thing.{spec.name}"
            )
        self._specs[spec.name] = spec
        self._owners[spec.name] = owner


def _is_box(source: object) -> TypeGuard[ToolBox]:
    return hasattr(source, "specs") and hasattr(source, "call")


def _unknown(name: str, owners: Mapping[str, object]) -> str:
    if not owners:
        return f"there is no tool {name!r}: this run has no tools"
    close = difflib.get_close_matches(name, owners, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"there is no tool {name!r}{hint} The tools are: {', '.join(owners)}"
