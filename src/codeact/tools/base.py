"""The tool seam: one thing that can be called by name, and the rules for that name."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from codeact.types import ToolSpec

# Names the box itself defines for the model's code; a tool of that name would hide them.
RESERVED = frozenset({"final_answer", "ToolError", "display", "get_ipython", "In", "Out"})


@runtime_checkable
class Tool(Protocol):
    """One tool. Configuration and credentials are its own; only arguments and a value pass."""

    @property
    def spec(self) -> ToolSpec: ...

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run it once and give its value as plain data.

        Raises:
            ToolError: wrong arguments, a time limit, or the tool's own failure; worded for the model.
        """
        ...


def name_problem(name: str) -> str | None:
    """Why a tool cannot have this name, in words; None when it can."""
    if not name.isidentifier():
        return "is not a Python identifier"
    if keyword.iskeyword(name):
        return "is a Python keyword"
    if hasattr(builtins, name):
        return "would hide the builtin of that name from the model's code"
    if name in RESERVED:
        return "is a name of the interpreter"
    if name.startswith("_"):
        return "starts with an underscore, which IPython keeps for itself"
    return None
