"""A person whom the code in a box can ask: `input()` and `getpass()` go to a callback of the host.

    async with sandbox("local").open(answered_by(tools, ask)) as session: …

Works with every backend, since to a session the questions are tool calls: the time limit stands still while the person
thinks, and stopping the action withdraws the question. A prompt is text of an agent's code: show it as such.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from codeact.errors import ToolError
from codeact.sandbox.box.questions import INPUT, PASSWORD
from codeact.types import ToolBox, ToolCall, ToolSpec

QUESTIONS = (INPUT, PASSWORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the code wants to know."""

    prompt: str
    secret: bool  # asked by `getpass`: the answer must not be shown, and no record keeps it


Ask = Callable[[Question], Awaitable[str | None]]
"""Asked by the code in a box. None means that nobody answers; the code then gets an EOFError, as at the end of a
file."""


def answered_by(tools: ToolBox | None, ask: Ask) -> ToolBox:
    """The tools of a session whose code may ask; without it `input()` is refused in the box."""
    return _Answering(tools=tools, ask=ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answering:
    tools: ToolBox | None
    ask: Ask

    @property
    def specs(self) -> Sequence[ToolSpec]:
        questions = [ToolSpec(name=name, signature="(prompt)", doc="", schema={}) for name in QUESTIONS]
        return [*(self.tools.specs if self.tools else ()), *questions]

    async def call(self, call: ToolCall) -> Any:
        """Raises `ToolError` as the tools do, and where nobody answers."""
        if call.name not in QUESTIONS:
            if self.tools is None:
                raise ToolError(f"there is no tool {call.name!r}", name="NameError")
            return await self.tools.call(call)
        prompt = call.args[0] if call.args else ""
        if not isinstance(prompt, str):
            raise ToolError("the prompt is no text", name="TypeError")
        answer = await self.ask(Question(prompt=prompt, secret=call.name == PASSWORD))
        if answer is None:
            raise ToolError("nobody answered", name="EOFError")
        return answer
