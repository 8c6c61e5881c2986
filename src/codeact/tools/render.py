"""A tool's value as plain data, and as text for a model."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel

PLAIN = frozenset({str, int, float, bool, bytes, type(None)})

TABLE_ROWS = 30  # rows of a table shown; a longer one keeps its head and its tail
TABLE_COLUMNS = 20


def as_data(value: Any) -> Any:
    """The value without classes that only the host has: records become dicts, enums their values, numbers Python's own.

    What is neither plain data nor known here (a DataFrame, an array, a connection) stays as it is; whether it can cross
    into a box is for the sandbox to say.
    """
    if type(value) in PLAIN:
        return value
    match value:
        case Enum():
            return as_data(value.value)
        case BaseModel():
            return as_data(value.model_dump())
        case Mapping():
            return {as_data(key): as_data(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        case list() | deque() | range() | KeysView() | ValuesView() | ItemsView():
            return [as_data(item) for item in cast("list[Any]", value)]
        case tuple():
            return tuple(as_data(item) for item in cast("tuple[Any, ...]", value))
        case set() | frozenset():
            return _set_or_list([as_data(item) for item in cast("set[Any]", value)])
        case PurePath() | UUID() | str():
            return str(value)
        case _:
            return _plain_object(value)


def _set_or_list(items: list[Any]) -> Any:
    try:
        return set(items)
    except TypeError:  # records, which have become dicts
        return items


def _plain_object(value: Any) -> Any:
    if _package(value) == "numpy" and getattr(value, "shape", None) == ():  # a scalar; numpy itself is not imported
        return value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def render_value(value: Any) -> str:
    """The value as a model reads it in JSON and text actions: text as it is, everything else as Python would print it.

    Python's notation and not JSON's: it is what the same value looks like when code prints it, so the action spaces
    differ in how one acts and not in what one sees; and it has a form for every value (tuples, sets, bytes, dates).
    """
    data = as_data(value)
    if isinstance(data, str):
        return data
    try:
        if _package(data) == "pandas" and hasattr(data, "to_string"):
            return _table(data)
        return repr(data)
    except Exception as error:  # noqa: BLE001 -- a host class's own `__repr__`
        return f"<{type(data).__name__}, which cannot be shown: {type(error).__name__}>"


def _table(frame: Any) -> str:
    """A DataFrame or Series, bounded."""
    if getattr(frame, "ndim", 1) == 1:
        return str(frame.to_string(max_rows=TABLE_ROWS, length=len(frame) > TABLE_ROWS))
    return str(frame.to_string(max_rows=TABLE_ROWS, max_cols=TABLE_COLUMNS, show_dimensions=len(frame) > TABLE_ROWS))


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]
