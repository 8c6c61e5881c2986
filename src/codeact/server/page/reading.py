"""Reading the events of the log: JSON in which a field with its default is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from codeact.server.page.shown import Failure
from codeact.trajectory.words import call_text
from codeact.types import JSON, ToolCall

_NOTHING: Mapping[str, JSON] = {}


def text_of(record: Mapping[str, JSON], name: str) -> str:
    value = record.get(name)
    return "" if value is None else str(value)


def texts_of(record: Mapping[str, JSON], name: str) -> tuple[str, ...]:
    return tuple(str(value) for value in record.get(name) or ())


def object_of(record: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    value = record.get(name)
    return cast("Mapping[str, JSON]", value) if isinstance(value, Mapping) else _NOTHING


def source(action: Mapping[str, JSON]) -> str | None:
    """An action as Python; None for an answer."""
    match action.get("kind"):
        case "code":
            return text_of(action, "code")
        case "tool_calls":
            return "\n".join(map(called, action.get("calls", ())))
        case _:
            return None


def called(call: Mapping[str, JSON]) -> str:
    """A call of a tool, or the record of one, as one would write it."""
    given = _plain(call.get("args", ()))  # a record's may be anything
    args = cast("Sequence[JSON]", given) if isinstance(given, list | tuple) else (given,)
    return call_text(ToolCall(text_of(call, "name"), tuple(map(_plain, args)), _kwargs(call)))


def _kwargs(call: Mapping[str, JSON]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in object_of(call, "kwargs").items()}


def _plain(value: JSON) -> Any:
    """Tagged values (`{"$tuple": […]}`; of a record of a call `{"$": "tuple", "v": […]}`) without their tag: they are
    shown, not computed with.
    """
    match value:
        case {"$": "tuple" | "set" | "frozenset", "v": list()}:
            return tuple(map(_plain, cast("list[JSON]", value["v"])))
        case {"$tuple": items} | {"$set": items} | {"$frozenset": items}:
            return tuple(map(_plain, items))
        case list():
            return [_plain(item) for item in cast("list[JSON]", value)]
        case _:
            return value


def failure(error: JSON) -> Failure | None:
    if not isinstance(error, Mapping):
        return None
    record = cast("Mapping[str, JSON]", error)
    return Failure(
        name=text_of(record, "name"),
        message=text_of(record, "message"),
        traceback=text_of(record, "traceback"),
        line=record.get("line"),
    )
