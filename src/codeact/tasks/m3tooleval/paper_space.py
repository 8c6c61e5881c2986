"""The three formats as the original bench has them, its defects included, in our own words.

Kept because published numbers were measured with it: text arguments are split at every comma and turned into numbers
where they look like one; JSON arguments are a list; a second marker cuts the reply, also inside an action's code; failed
calls are reported without the reason in `json` and `text`, and with the whole traceback in `code`.

The whole prompt is one message of the user's (`opening`), so `instructions` are empty.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codeact.actions import literals
from codeact.errors import ParseError, UsageError
from codeact.types import (
    JSON,
    Action,
    Answer,
    BoxInfo,
    CodeAction,
    Completion,
    ExecResult,
    Observation,
    Reply,
    Result,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolSpec,
)

LONGEST = 2000  # characters of an observation

_MARKER = re.compile(r"Answer:|Action:")
_END = "End Action"

_RULES = {
    "code": "To use the tools, write Python between `Action:` and `End Action`:\nAction:\nnumber = tool_name(argument)\n"
    "print(number)\nEnd Action\nLoops and conditions are allowed. Print the final value.",
    "json": "To use a tool, write one JSON object between `Action:` and `End Action`, one tool in each message:\n"
    'Action: {"tool": "tool_name", "args": [argument, argument]} End Action',
    "text": "To use a tool, write its name and its arguments, with commas between them, between `Action:` and "
    "`End Action`, one tool in each message:\nAction: tool_name, argument, argument End Action",
}
_NOTES = """\
You may think first, in a line that begins with `Thought:`. After that there must be either `Action:` or `Answer:`, never
both. When you know the solution, end with `Answer: ` and the value. Give only the bare value, for example
`Answer: [3, 7]`, and no words around it."""

INVALID = "That message was invalid. It must have either `Action:` … `End Action` or `Answer:`, and not both."
REMINDER = "An extra reminder: only the first `Action:` or `Answer:` of a message counts."
TRY_AGAIN = "That answer is wrong. Try again."
UNKNOWN = "There is no tool of that name."
FAILED = "The call failed. Did you perhaps call several tools at once, or call it in a wrong way?"
NOTHING_SHOWN = "[The code ran without any output. Was print forgotten?]"
CUT = "\n[Output Truncated]"


@dataclass(frozen=True, slots=True)
class PaperSpace:
    """One of the three formats. `signature_of` gives a signature that the original misstates; None where it does not."""

    name: str
    signature_of: Callable[[str], str | None] = lambda name: None
    dialect: str = "paper"
    stop: tuple[str, ...] = ()

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        return ""

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        return ()

    def opening(self, prompt: str, tools: Sequence[ToolSpec]) -> str:
        """The first message: numbered tools, the format's rules, the task, the notes."""
        listed = "\n".join(
            f"[{number}] {spec.name}: {' '.join(spec.doc.split())}\n    "
            f"{spec.name}{self.signature_of(spec.name) or spec.signature}"
            for number, spec in enumerate(tools, start=1)
        )
        return f"You have these tools:\n{listed}\n\n{_RULES[self.name]}\n\nLet's start.\n\n{prompt}\n\n{_NOTES}"

    def parse(self, completion: Completion) -> Reply:
        text, notes = _first_only(completion.text)
        marker = _MARKER.search(text)
        if marker is None:
            raise ParseError(INVALID)
        body = text[marker.end() :]
        if marker[0] == "Answer:":
            return Reply(action=Answer(body.strip()), notes=notes)
        thought = text[: marker.start()].strip()
        return Reply(action=self._action(body.partition(_END)[0]), thought=thought, notes=notes)

    def render(self, action: Action, thought: str = "") -> Completion:
        """As written by hand; nothing can be quoted, so some actions have no form.

        Raises:
            UsageError: this action would not be read as it is.
        """
        text = f"{thought}\n{self._written(action)}".lstrip("\n")
        try:
            read = self.parse(Completion(text=text)).action
        except ParseError:
            read = None
        if read != action:
            raise UsageError(f"the paper's {self.name} format has no way to write {action!r}")
        return Completion(text=text)

    def observe(self, result: Result) -> Observation:
        text = _seen_code(result) if isinstance(result, ExecResult) else "\n".join(map(_seen_call, result.records))
        failed = result.error if isinstance(result, ExecResult) else any(record.error for record in result.records)
        return Observation(text=_cut(text), is_error=bool(failed))

    def _action(self, body: str) -> CodeAction | ToolCalls:
        match self.name:
            case "code":
                return CodeAction(body.strip("\n "))
            case "json":
                return ToolCalls((_json_call(body),))
            case _:
                name, *args = body.split(",")
                return ToolCalls((ToolCall(name.strip(), tuple(map(_guessed, args))),))

    def _written(self, action: Action) -> str:
        match action:
            case CodeAction(code):
                return f"Action:\n{code}\nEnd Action"
            case ToolCalls((call,)) if self.name == "json":
                written = {"tool": call.name, "args": list(call.args)}
                return f"Action: {literals.json_text(written)} End Action"
            case ToolCalls((call,)):
                return f"Action: {', '.join([call.name, *map(str, call.args)])} End Action"
            case Answer(text):
                return f"Answer: {text}"
            case _:
                raise UsageError(f"the paper's formats take one call in a message, not {action!r}")


def _first_only(text: str) -> tuple[str, tuple[str, ...]]:
    """The reply up to its second marker, its first `End Action`, or a later `Thought:`; and what to say about that."""
    markers = list(_MARKER.finditer(text))
    notes = (REMINDER,) if len(markers) > 1 else ()
    if len(markers) > 1:
        text = text[: markers[1].start()]
    if _END in text:
        text = text[: text.index(_END) + len(_END)]
    later = text.find("Thought:", markers[0].end()) if markers else -1
    return (text if later < 0 else text[:later]), notes


def _json_call(body: str) -> ToolCall:
    try:
        given: JSON = json.loads(body)
        name, args = given["tool"], given["args"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ParseError(FAILED) from error
    return ToolCall(str(name), tuple(args) if isinstance(args, list) else (args,))  # pyright: ignore[reportUnknownArgumentType] -- JSON


def _guessed(argument: str) -> JSON:
    argument = argument.strip()
    for number in (int, float):
        try:
            return number(argument)
        except ValueError:
            continue
    return argument


def _seen_code(result: ExecResult) -> str:
    output = "\n".join(filter(None, [result.stdout.strip("\n"), result.value]))
    if result.error:
        return "\n".join(filter(None, [output, result.error.traceback, f"{result.error.name}: {result.error.message}"]))
    try:
        return str(ast.literal_eval(output)) or NOTHING_SHOWN
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return output or NOTHING_SHOWN


def _seen_call(record: ToolRecord) -> str:
    if record.error is None:
        return record.text
    return UNKNOWN if record.error.startswith("NameError: there is no tool") else FAILED


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + CUT
