"""The names in an interpreter, with type, shape, size and a short preview: cheap, and safe to ask for whatever they
hold.
"""

from __future__ import annotations

import contextlib
import reprlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

_MAX_NAMES = 1_000
_MAX_PREVIEW = 80  # characters
_MAX_SIZE = 2**63

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = _MAX_PREVIEW
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = _short.maxfrozenset = 4
_short.maxlevel = 3


def describe(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> list[list[Any]]:
    """[name, type, shape, size, preview] of what the agent has made; modules and names with a leading underscore are
    left out. An interrupt ends the list where it is.
    """
    found = list[list[Any]]()
    with contextlib.suppress(KeyboardInterrupt):
        for name, value in list(namespace.items()):
            ours = name in hidden and hidden[name] is value
            # Not `isinstance`: that asks the value's own `__class__`.
            if ours or type(name) is not str or name.startswith("_") or issubclass(type(value), ModuleType):
                continue
            found.append(_row(name, value))
            if len(found) == _MAX_NAMES:
                break
    return found


def _row(name: str, value: Any) -> list[Any]:
    kind = _guarded(lambda: str(type(value).__name__), "?")
    return [name, kind, _guarded(lambda: _shape(value), ""), _size(value), _guarded(lambda: _preview(value), "")]


def _guarded(ask: Callable[[], str], otherwise: str) -> str:
    try:
        return ask()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 (an agent's class answers)
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
        size = int(getattr(value, "nbytes", None) or sys.getsizeof(value))
        return size if 0 <= size < _MAX_SIZE else 0
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 (an agent's class answers)
        return 0


def _preview(value: Any) -> str:
    """One line; a large array or table is known by its shape."""
    if hasattr(value, "shape") and getattr(value, "size", 0) > 100:
        return ""
    line = " ".join(_short.repr(value).split())
    return line if len(line) <= _MAX_PREVIEW else line[: _MAX_PREVIEW - 1] + "…"
