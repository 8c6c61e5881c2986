"""The shapes in which models write a call, or an answer, as a JSON value; each comes from some family's format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from codeact.actions import literals
from codeact.errors import ParseError
from codeact.types import JSON, Answer, ToolCall

POSITIONAL = "*args"  # no parameter can have this name
FINAL_ANSWER = re.compile(r"final[_ ]answer\Z", re.IGNORECASE)

_NAME_KEYS = ("tool", "name", "tool_name", "function", "function_name", "action")
_ARGUMENT_KEYS = ("args", "arguments", "parameters", "params", "input", "tool_input", "action_input", "kwargs")
_OTHER_KEYS = frozenset({"id", "type", "thought", "thoughts", "reasoning", "explanation", "index"})
_ANSWER_KEYS = frozenset({"answer", "final_answer"})


def calls_in(value: JSON, form: str, *, tagged: bool) -> list[ToolCall]:
    if isinstance(value, list):
        items = [calls_in(item, form, tagged=tagged) for item in cast("list[JSON]", value)]
        return [call for calls in items for call in calls] if all(items) else []
    if not isinstance(value, dict):
        return []
    fields = cast("dict[str, JSON]", value)
    for key in ("tool_calls", "calls", "function", "tool_call"):
        inner = fields.get(key)
        if isinstance(inner, list | dict):
            return calls_in(cast("JSON", inner), form, tagged=True)
    call = _call_in(fields, form, tagged=tagged)
    return [call] if call else []


def _call_in(fields: dict[str, JSON], form: str, *, tagged: bool) -> ToolCall | None:
    """A call, when the object has a name and arguments under keys that say so; data that merely has a name is none."""
    name_key = next((key for key in _NAME_KEYS if isinstance(fields.get(key), str)), None)
    if name_key is None:
        return None
    name: str = fields[name_key]
    given = [key for key in _ARGUMENT_KEYS if key in fields]
    rest = {
        key: value for key, value in fields.items() if key != name_key and key not in _OTHER_KEYS and key not in given
    }
    if not given and not (tagged or name_key in ("tool", "tool_name")):
        return None
    if given and rest and not tagged and name_key not in ("tool", "tool_name"):
        return None
    if not given:
        return ToolCall(name, (), rest)
    args, kwargs = arguments(fields[given[0]], form)
    if len(given) > 1:  # {"args": […], "kwargs": {…}}
        more_args, more_kwargs = arguments(fields[given[1]], form)
        args, kwargs = args + more_args, {**kwargs, **more_kwargs}
    return ToolCall(name, args, kwargs)


def arguments(value: JSON, form: str) -> tuple[tuple[JSON, ...], dict[str, JSON]]:
    """Arguments by position and by name. A text that holds JSON, as OpenAI's format has it, is read."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        found = literals.read_value(value)
        if found is None:
            raise ParseError(f"The arguments are not valid JSON: {json_error(value)}. {form}")
        value = found.value
    if value is None or value == "":
        return (), {}
    if isinstance(value, Mapping):
        named = dict(cast("Mapping[str, JSON]", value))
        positional = named.pop(POSITIONAL, [])
        return tuple(positional), named
    if isinstance(value, list | tuple):
        return tuple(cast("list[JSON]", value)), {}
    return (value,), {}


def loose(text: str) -> JSON:
    found = literals.read_value(text)
    return found.value if found else text


def answer_in(fields: Mapping[str, JSON]) -> Answer | None:
    """`{"answer": value}`, or a call of a tool named final_answer."""
    keys = [key for key in fields if key not in _OTHER_KEYS]
    if len(keys) == 1 and keys[0] in _ANSWER_KEYS:
        return answer_of(fields[keys[0]])
    name = next((fields[key] for key in _NAME_KEYS if isinstance(fields.get(key), str)), "")
    if not FINAL_ANSWER.match(name):
        return None
    given = next((fields[key] for key in _ARGUMENT_KEYS if key in fields), None)
    return answer_of(only_item(given))


def only_item(value: JSON) -> JSON:
    items: list[JSON] = []
    if isinstance(value, dict):
        items = list(cast("dict[str, JSON]", value).values())
    elif isinstance(value, list):
        items = cast("list[JSON]", value)
    return items[0] if len(items) == 1 else cast("JSON", value)


def answer_of(value: JSON) -> Answer:
    return Answer(value if isinstance(value, str) else literals.json_text(value), value)


def is_valid(text: str) -> bool:
    """Whether a JSON value stands at the beginning of a text."""
    found = next(literals.find_values(text), None)
    return found is not None and found.strict and found.start == 0


def json_error(text: str) -> str:
    start = min((index for index in (text.find("{"), text.find("[")) if index >= 0), default=0)
    try:
        json.JSONDecoder(strict=False).raw_decode(text[start:])
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    except (RecursionError, ValueError):
        return "it is nested too deeply, or a number is too long"
    return 'it needs the keys "tool" and "args"'
