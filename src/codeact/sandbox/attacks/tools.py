"""The tools that attacks may call, and what the host saw of the calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio

from codeact.errors import ToolError
from codeact.types import ToolCall, ToolSpec

_SIGNATURES = {
    "echo": "(value: object = None) -> object",
    "add": "(a: int, b: int = 1) -> int",
    "slow": "(seconds: float) -> str",
}
_LONGEST = 2.0  # seconds that one call may take


class WatchedTools:
    """A `ToolBox` that knows when an action runs, and how often it may be called."""

    def __init__(self, limit: int) -> None:
        self.specs: Sequence[ToolSpec] = [
            ToolSpec(name=name, signature=signature, doc=f"The tool {name}.", schema={})
            for name, signature in _SIGNATURES.items()
        ]
        self._limit = limit
        self._running = False
        self._count = 0
        self._harm = ""

    def begin(self) -> None:
        self._running, self._count = True, 0

    def end(self) -> None:
        self._running = False

    @property
    def harm(self) -> str:
        """What was called that may not be, since the last look."""
        harm, self._harm = self._harm, ""
        return harm

    async def call(self, call: ToolCall) -> Any:
        self._count += 1
        if call.name not in _SIGNATURES:
            self._harm = f"the host was made to call {call.name!r}, which is no tool"
        elif not self._running:
            self._harm = f"{call.name} was called while no action ran"
        elif self._count > self._limit:
            self._harm = f"{self._count} calls went through, {self._limit} are allowed"
        match call.name:
            case "echo":
                return _value(*call.args, **call.kwargs)
            case "add":
                return _sum(*call.args, **call.kwargs)
            case "slow":
                await anyio.sleep(min(_LONGEST, float(call.args[0])))
                return "done"
            case _:
                raise ToolError(f"there is no tool {call.name!r}", "NameError")


def _value(value: Any = None) -> Any:
    return value


def _sum(a: Any, b: Any = 1) -> int:
    if type(a) is not int or type(b) is not int:
        raise ToolError(f"a and b must be whole numbers, not {type(a).__name__} and {type(b).__name__}", "TypeError")
    return a + b
