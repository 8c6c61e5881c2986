"""Tool calls as JSON: as an object in the text (`plain`, for every model) or in function calling (`native`).

Plain calls are read in the shapes that models were trained on: `{"tool", "args"}`, `{"name", "arguments"}`, OpenAI's
`{"function": {…}}`, LangChain's `{"action", "action_input"}`, lists of these, and the tags of Qwen, Llama, Mistral
and DeepSeek around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeact.actions import json_reply, json_shapes, literals, observation, prompts, rendering
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
    ToolCall,
    ToolCalls,
    ToolSpec,
)

DIALECTS = ("plain", "native")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSpace:
    """Rendering keeps every value that JSON has, and a native call's id as it is; a tuple comes back as a list."""

    dialect: str = "plain"
    max_observation: int = observation.DEFAULT_LIMIT  # characters
    name: str = "json"

    @property
    def stop(self) -> tuple[str, ...]:
        return () if self.dialect == "native" else ("\nObservation:",)

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        return prompts.json_instructions(self.dialect, tools)

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        return tuple(tools) if self.dialect == "native" else ()

    def parse(self, completion: Completion) -> Reply:
        return json_reply.read(completion, self.dialect)

    def render(self, action: Action, thought: str = "") -> Completion:
        match action:
            case ToolCalls(calls=calls) if self.dialect == "native":
                return Completion(text=thought, calls=tuple(map(_native, calls)), finish="tool_calls")
            case ToolCalls(calls=calls):
                objects = [_object(call) for call in calls]
                text = literals.json_text(objects[0] if len(objects) == 1 else objects)
                return rendering.readable(action, thought, [text], self.parse)
            case Answer(value=None):
                return rendering.readable_answer(action, thought, "", self.parse)
            case Answer(value=value):
                return rendering.readable(action, thought, [literals.json_text({"answer": value})], self.parse)
            case CodeAction():
                raise UsageError("code is no action of the json space; write calls of tools")

    def observe(self, result: Result) -> Observation:
        return observation.observe(result, limit=self.max_observation, native=self.dialect == "native")


def _object(call: ToolCall) -> dict[str, object]:
    if call.args and call.kwargs:
        return {"tool": call.name, "args": list(call.args), "kwargs": dict(call.kwargs)}
    return {"tool": call.name, "args": list(call.args) if call.args else dict(call.kwargs)}


def _native(call: ToolCall) -> NativeCall:
    """Function calling knows names only; arguments by position go under a key that no parameter can have."""
    positional = {json_shapes.POSITIONAL: list(call.args)} if call.args else {}
    return NativeCall(id=call.id, name=call.name, arguments=literals.json_text({**positional, **call.kwargs}))
