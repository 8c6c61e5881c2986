"""Tool calls as text: `Action: name, argument, key=value End Action`, the paper's baseline with real quoting.

Where this differs from the original (M3ToolEval): quotes are real, so that commas, line breaks and `=` can stand in a
string; `0031` stays text; lists and dictionaries can be given; arguments can go by name; a trailing comma is not an
empty argument; and several actions of one reply run in order, as they may in the other spaces.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeact.actions import fences, literals, observation, prompts, reasoning, rendering
from codeact.actions.fences import Body
from codeact.actions.reasoning import Visible
from codeact.errors import ParseError, UsageError
from codeact.types import (
    JSON,
    Action,
    Answer,
    BoxInfo,
    CodeAction,
    Completion,
    Observation,
    Reply,
    Result,
    ToolCall,
    ToolCalls,
    ToolSpec,
)

DIALECTS = ("comma",)

_FORM = prompts.FORMS["text", "comma"]
_QUOTED = r'"{3}(?:[^"\\]++|\\.|"(?!""))*+"{3}|"(?:[^"\\]++|\\.)*+"|' + r"'(?:[^'\\]++|\\.)*+'"
# A quoted argument is stepped over only where it is a whole one, so that an apostrophe in bare text hides nothing.
_END = re.compile(
    rf"[,=(\[{{:]\s*+(?:{_QUOTED})(?=\s*+(?:[,)\]}}:]|End Action|\Z))|(?P<end>\bEnd Action\b[*]{{0,2}})"
    r"|(?P<next>^[ \t]*+(?:Observation|Thought|Answer|Action):)",
    re.DOTALL | re.MULTILINE,
)
_NAME = re.compile(r"\s*+(?P<quote>[`\"']?)(?P<name>[^\W\d][\w.-]*+)(?P=quote)\s*+(?P<mark>[,(]|\Z)")
_KEY = re.compile(r"\s*+(?P<key>[^\W\d]\w*+)\s*+=(?!=)")
_WHOLE_QUOTED = re.compile(rf"\s*+(?P<quoted>{_QUOTED})\s*+(?=,|\Z)", re.DOTALL)
_SPACE = re.compile(r"\s*+")
_BARE = re.compile(r"[^,]*+")
_NUMBER = re.compile(r"-?\d[\d.e+-]*+\Z")
_LIKE_AN_ACTION = re.compile(r"\bEnd Action\b|^\W{0,4}Action\b[^\n]{0,40}:", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpace:
    """Rendering keeps every value that JSON has; the value of an answer is not written, only its text."""

    dialect: str = "comma"
    max_observation: int = observation.DEFAULT_LIMIT  # characters
    name: str = "text"

    @property
    def stop(self) -> tuple[str, ...]:
        return ("\nObservation:",)

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        return prompts.text_instructions(tools)

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        return ()

    def parse(self, completion: Completion) -> Reply:
        seen = reasoning.visible(completion, form=_FORM, action_body=_action_body)
        bodies, prose, notes = _actions(seen)
        if not bodies:
            return _answer_reply(seen, completion)
        if completion.finish == "length" and not seen.parts[-1].closed and seen.parts[-1].kind == "action":
            raise ParseError(f"Your reply was cut at the token limit inside the action, so nothing was called. {_FORM}")
        if any(part.kind == "answer" for part in seen.parts):
            notes.append(
                "the answer was not taken, because the same reply held an action: see its result first, then answer"
            )
        calls = tuple(_read_call(body, notes) for body in bodies)
        thought = reasoning.thought_of(prose, seen.reasoning)
        return Reply(action=ToolCalls(calls), thought=thought, notes=tuple(dict.fromkeys(notes)))

    def render(self, action: Action, thought: str = "") -> Completion:
        match action:
            case ToolCalls(calls=calls):
                return rendering.readable(action, thought, ["\n".join(map(_write_call, calls))], self.parse)
            case Answer():
                return rendering.readable_answer(action, thought, "Answer: ", self.parse)
            case CodeAction():
                raise UsageError("code is no action of the text space; write calls of tools")

    def observe(self, result: Result) -> Observation:
        return observation.observe(result, limit=self.max_observation)


# --- reading --------------------------------------------------------------------------------------


def _action_body(text: str, start: int) -> Body:
    repeated = re.compile(r"(?:\s*+Action:)++").match(text, start)
    start = repeated.end() if repeated else start
    end = next((match for match in _END.finditer(text, start) if match["end"] or match["next"]), None)
    if end is None:
        return Body(text[start:], len(text), closed=False)
    return Body(text[start : end.start()], end.end() if end["end"] else end.start())


def _actions(seen: Visible) -> tuple[list[str], list[str], list[str]]:
    """The bodies of the actions, the prose around them, and notes; up to the point where results are made up."""
    bodies: list[str] = []
    prose: list[str] = []
    notes = list(seen.notes)
    for part in seen.parts:
        made_up = reasoning.made_up(part.text) if bodies and part.kind == "prose" else None
        if made_up or (bodies and part.kind == "fence" and part.label in fences.OUTPUT):
            prose += [part.text[: made_up.start()]] if made_up else []
            notes.append(reasoning.INVENTED)
            break
        if part.kind == "action" and part.text.strip():
            bodies.append(part.text)
        elif part.kind != "action":
            prose.append(part.raw)
    return bodies, prose, notes


def _answer_reply(seen: Visible, completion: Completion) -> Reply:
    answer = next((part for part in seen.parts if part.kind == "answer" and part.text.strip()), None)
    if answer:
        before = [part.raw for part in seen.parts[: seen.parts.index(answer)]]
        return Reply(
            action=Answer(answer.text.strip()), thought=reasoning.thought_of(before, seen.reasoning), notes=seen.notes
        )
    if completion.finish == "length":
        raise ParseError(f"Your reply was cut at the token limit before any action. Write less. {_FORM}")
    if completion.calls or _LIKE_AN_ACTION.search(seen.text) or any(part.kind == "call" for part in seen.parts):
        raise ParseError(f"Your reply looks like an action, but is not written as one. {_FORM}")
    return Reply(action=Answer(reasoning.answer_text(seen.text)), thought=seen.reasoning, notes=seen.notes)


def _read_call(body: str, notes: list[str]) -> ToolCall:
    body = re.sub(r"\A\s*```\w*\n(.*?)\n?```\s*\Z", r"\1", body, flags=re.DOTALL).strip()
    name = _NAME.match(body)
    if not name:
        raise ParseError(f"No tool name was found at the beginning of the action {body[:80]!r}. {_FORM}")
    rest = body[name.end() :]
    if name["mark"] == "(":
        notes.append("the call was written with parentheses; they were removed")
        rest = rest.rstrip().removesuffix(")")
    args: list[JSON] = []
    kwargs: dict[str, JSON] = {}
    for key, value in _arguments(rest, notes):
        if key is None:
            args.append(value)
        elif key in kwargs:
            raise ParseError(f"The argument {key!r} was given twice. {_FORM}")
        else:
            kwargs[key] = value
    return ToolCall(name["name"], tuple(args), kwargs)


def _arguments(text: str, notes: list[str]) -> Iterator[tuple[str | None, JSON]]:
    position = 0
    while _skip_space(text, position) < len(text):
        key = _KEY.match(text, position)
        value, end = _value(text, key.end() if key else position, notes)
        yield key["key"] if key else None, value
        position = end + 1  # past the comma


def _value(text: str, start: int, notes: list[str]) -> tuple[JSON, int]:
    quoted = _WHOLE_QUOTED.match(text, start)
    if quoted:
        token = quoted["quoted"]
        marks = 3 if token[:3] == '"""' and len(token) >= 6 else 1
        return literals.decode_escapes(token[marks:-marks]), quoted.end()
    start = _skip_space(text, start)
    after = _bracket_end(text, start)
    bare = _BARE.match(text, after)
    end = bare.end() if bare else after
    word = text[start:end].strip()
    if after > start and (found := literals.read_value(word)):
        return found.value, end
    if not word:
        raise ParseError(f'An argument is empty; write "" for an empty text. {_FORM}')
    if word[0] in "\"'[{(":
        notes.append(
            f"the argument {word[:40]!r} was read as text, exactly as it stands; quote text that holds commas or quotes"
        )
    return _bare_value(word), end


def _skip_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _bracket_end(text: str, start: int) -> int:
    """Where the bracket at `start` closes; `start` where there is none."""
    if text[start : start + 1] not in ("[", "{", "("):
        return start
    end, missing = literals.balanced_end(text, start)
    if missing:
        raise ParseError(
            f"A bracket is not closed in {text[start : start + 40]!r}; quote text that holds brackets. {_FORM}"
        )
    return end


def _bare_value(word: str) -> JSON:
    """A literal only where it would be written back as the same text: 31 is a number, 0031, 1.50 and 31e3 stay text."""
    constants: dict[str, JSON] = {"True": True, "False": False, "None": None}
    if word in constants:
        return constants[word]
    if not _NUMBER.match(word):
        return word
    for number in (int, float):
        try:
            value = number(word)
        except ValueError:
            continue
        if math.isfinite(value) and repr(value) == word:
            return value
    return word


# --- writing --------------------------------------------------------------------------------------


def _write_call(call: ToolCall) -> str:
    named = [f"{key}={_write(value)}" for key, value in call.kwargs.items()]
    return f"Action: {', '.join([call.name, *map(_write, call.args), *named])} End Action"


def _write(value: JSON) -> str:
    text = literals.json_text(value) if isinstance(value, str) else repr(value)
    return text.replace("End Action", "End\\x20Action")  # only strings can hold it, and both kinds know the escape
