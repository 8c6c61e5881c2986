"""Values as lines of JSON and back, with nothing lost: the records' own format.

Dataclasses become objects without the fields that have their default. What JSON lacks is tagged where a value may be
anything: `{"$tuple": […]}`, `{"$bytes": "base64"}`, and so on. A value that is no data at all is kept as its `repr`.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from datetime import date, datetime, time
from functools import cache
from typing import Any, cast

from codeact.types import JSON

ALWAYS = ("kind", "schema_version")  # written even where they have their default: what tells records apart
DEEPEST = 100  # levels inside one field; deeper data is the model's doing, and must not break the writing
LARGEST = 2**63  # integers from here on are tagged: other readers of JSON cannot hold them

_READ: dict[str, Callable[[Any], Any]] = {
    "$bytes": base64.b64decode,
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$dict": dict,
    "$int": lambda text: int(text, 16),
    "$float": float,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$repr": str,
}


def to_line(record: Mapping[str, JSON]) -> bytes:
    """One line of a file. Lone surrogates, which UTF-8 has no place for, are escaped; the rest is written as it is."""
    try:
        return (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(record, separators=(",", ":")) + "\n").encode()


def from_line(line: bytes) -> JSON:
    """Raises ValueError for a line that is not JSON, or not as this module writes it."""
    try:
        return json.loads(line.decode("utf-8-sig").rstrip(), object_hook=_untagged)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}, at character {error.pos + 1}") from error
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def encode(value: Any) -> dict[str, JSON]:
    """A dataclass of `codeact.types` as a JSON object."""
    encoded: dict[str, JSON] = {}
    for name, default, is_open in _fields(cast("type[Any]", type(value))):
        item = getattr(value, name)
        if name in ALWAYS or type(item) is not type(default) or item != default:
            encoded[name] = _any(item, 0) if is_open else _typed(item)
    return encoded


def _typed(value: Any) -> JSON:
    """A field whose type is declared, so that reading knows what a list or a string stands for."""
    match value:
        case tuple():
            return [_typed_item(item) for item in cast("tuple[Any, ...]", value)]
        case datetime():
            return value.isoformat()
        case _:
            return _typed_item(value)


def _typed_item(value: Any) -> JSON:
    return encode(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else _any(value, 0)


def _any(value: Any, depth: int) -> JSON:
    """A value that may be anything."""
    if depth > DEEPEST:
        return {"$repr": f"<{type(value).__name__}, nested deeper than {DEEPEST} levels>"}
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value) if -LARGEST <= value < LARGEST else {"$int": hex(value)}
        case float():
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        case list():
            return _items(value, depth)
        case Mapping():
            return _mapping(cast("Mapping[Any, Any]", value), depth)
        case tuple() | set() | frozenset():
            tag = "$tuple" if isinstance(value, tuple) else "$set" if isinstance(value, set) else "$frozenset"
            return {tag: _items(value, depth)}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode("ascii")}
        case datetime():
            return {"$datetime": value.isoformat()}
        case date() | time():
            return {"$date" if isinstance(value, date) else "$time": value.isoformat()}
        case _:
            return {"$repr": _repr(value)}


def _items(values: Any, depth: int) -> list[JSON]:
    return [_any(item, depth + 1) for item in values]


def _mapping(value: Mapping[Any, Any], depth: int) -> JSON:
    pairs = list(value.items())
    looks_tagged = len(pairs) == 1 and pairs[0][0] in _READ
    if all(isinstance(key, str) for key, _ in pairs) and not looks_tagged:
        return {key: _any(item, depth + 1) for key, item in pairs}
    return {"$dict": [[_any(key, depth + 1), _any(item, depth + 1)] for key, item in pairs]}


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 -- somebody's own `__repr__`
        return f"<{type(value).__name__}, whose repr failed: {type(error).__name__}>"


def _untagged(value: dict[str, JSON]) -> JSON:
    if len(value) == 1:
        tag, inner = next(iter(value.items()))
        if tag in _READ:
            return _READ[tag](inner)
    return value


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    """Name, default and whether it may hold anything, of each field. `MISSING` is a default that no value equals."""
    hints = typing.get_type_hints(kind)

    def default(field: dataclasses.Field[Any]) -> Any:
        return field.default if field.default_factory is MISSING else field.default_factory()

    return tuple((field.name, default(field), hints[field.name] is Any) for field in dataclasses.fields(kind))
