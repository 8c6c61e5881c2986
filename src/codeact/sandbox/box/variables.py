"""The names in an interpreter, with type, shape, size and a short preview: cheap, and safe to ask for whatever they
hold.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

_MAX_NAMES = 1_000
_MAX_PREVIEW = 80  # characters

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = _MAX_PREVIEW
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = _short.maxfrozenset = 4
_short.maxlevel = 3


def describe(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> list[list[Any]]:
    """[name, type, shape, size, preview] of what the agent has made; modules and names with a leading underscore are
    left out.
    """
    found = list[list[Any]]()
    for name, value in list(namespace.items()):
        ours = name in hidden and hidden[name] is value
        if ours or name.startswith("_") or isinstance(value, ModuleType):
            continue
        preview = _guarded(lambda value=value: _preview(value), "")
        found.append(
            [name, type(value).__name__, _guarded(lambda value=value: _shape(value), ""), _size(value), preview]
        )
        if len(found) == _MAX_NAMES:
            break
    return found


def _guarded(ask: Callable[[], str], otherwise: str) -> str:
    try:
        return ask()
    except Exception:  # noqa: BLE001 (an agent's class answers)
        return otherwise


def _shape(value: Any) -> str:
    shape: Any = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return str(cast("tuple[Any, ...]", shape))
    try:
        return f"len {len(value)}"
    except TypeError:
        return ""


def _size(value: Any) -> int:
    try:
        return int(getattr(value, "nbytes", None) or sys.getsizeof(value))
    except Exception:  # noqa: BLE001 (an agent's class answers)
        return 0


def _preview(value: Any) -> str:
    """One line; a large array or table is known by its shape."""
    if hasattr(value, "shape") and getattr(value, "size", 0) > 100:
        return ""
    line = " ".join(_short.repr(value).split())
    return line if len(line) <= _MAX_PREVIEW else line[: _MAX_PREVIEW - 1] + "…"
