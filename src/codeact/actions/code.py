"""Code as the action: the model writes Python, and that is run.

Dialects differ in what marks the code: `fenced` (Markdown), `execute` (the CodeAct paper's tags), `action`
(M3ToolEval's `Action:` … `End Action`) and `native` (one function `python` in the provider's function calling). Each
reads the others' marks as well, and says so.

Several blocks of one reply are one cell, in order, up to the point where the model begins to make up results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeact.actions import code_reply, fences, literals, observation, prompts, rendering
from codeact.errors import UsageError
from codeact.types import (
    Action,
    Answer,
    BoxInfo,
    CodeAction,
    Completion,
    NativeCall,
    Observation,
    Reply,
    Result,
    ToolCalls,
    ToolSpec,
)

DIALECTS = ("fenced", "execute", "action", "native")

_STOPS = {
    "fenced": ("\nObservation:",),
    "execute": ("</execute>", "\nObservation:"),
    "action": ("\nEnd Action", "\nObservation:"),
    "native": (),
}

PYTHON_FUNCTION = ToolSpec(
    name="python",
    signature="(code: str) -> str",
    doc="Run Python in the stateful IPython session and get its output.",
    schema={
        "type": "object",
        "properties": {"code": {"type": "string", "description": "Python source, as it is"}},
        "required": ["code"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSpace:
    """Rendering keeps code exactly, up to its line ends (all become line feeds, which Python reads as the same)."""

    dialect: str = "fenced"
    max_observation: int = observation.DEFAULT_LIMIT  # characters
    name: str = "code"

    @property
    def stop(self) -> tuple[str, ...]:
        return _STOPS[self.dialect]

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        return prompts.code_instructions(self.dialect, tools, box)

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        return (PYTHON_FUNCTION,) if self.dialect == "native" else ()

    def parse(self, completion: Completion) -> Reply:
        return code_reply.read(completion, self.dialect)

    def render(self, action: Action, thought: str = "") -> Completion:
        match action:
            case CodeAction(code=code) if self.dialect == "native":
                call = NativeCall(id="call_1", name=PYTHON_FUNCTION.name, arguments=literals.json_text({"code": code}))
                return Completion(text=thought, calls=(call,), finish="tool_calls")
            case CodeAction(code=code):
                return rendering.readable(action, thought, _forms(code, self.dialect), self.parse)
            case Answer():
                marker = "Answer: " if self.dialect == "action" else ""
                return rendering.readable_answer(action, thought, marker, self.parse)
            case ToolCalls():
                raise UsageError("tool calls are no action of the code space; call the tools from Python")

    def observe(self, result: Result) -> Observation:
        return observation.observe(result, limit=self.max_observation, native=self.dialect == "native")


def _forms(code: str, dialect: str) -> tuple[str, ...]:
    """The dialect's plain form, and one with a fence inside for code that holds the dialect's own closing mark."""
    fence = fences.unused_fence(code)
    fenced = f"{fence}python\n{code}\n{fence}"
    match dialect:
        case "execute":
            return f"<execute>\n{code}\n</execute>", f"<execute>\n{fenced}\n</execute>"
        case "action":
            return f"Action:\n{code}\nEnd Action", f"Action:\n{fenced}\nEnd Action"
        case _:
            return (fenced,)
