"""The names in an interpreter, with type, shape, size and a short preview, at a cost that does not grow with what they
hold.

No code of the values' own is run: only types that are known here are looked into, by their own type's means; anything
else is shown by its class. (`sys.modules` is the agent's too, so what is found there could still be its code; the host
interrupts after some seconds.)
"""

from __future__ import annotations

import contextlib
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from pathlib import PosixPath
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

_T = TypeVar("_T")

_MAX_NAMES = 1_000
_MAX_PREVIEW = 80  # characters
_MAX_ITEMS = 4  # of a container
_MAX_DEPTH = 3
_MAX_BITS = 256  # of an int whose digits are shown
_SMALL = 100  # items of an array that is previewed

_SEQUENCES = {list: "[]", tuple: "()", set: "{}", frozenset: "{}", deque: "[]"}
_MAPPINGS = (dict, defaultdict, OrderedDict)
_TEXTS = (str, bytes, bytearray)
_PLAIN = (type(None), bool, float, complex, range, slice, date, datetime, time, timedelta, Decimal, Fraction, PosixPath)


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
    shape = _guarded(lambda: _shape(value), "")
    return [
        name,
        _name(cast("type[Any]", type(value))),
        shape,
        _guarded(lambda: _size(value), 0),
        _guarded(lambda: _one_line(value), ""),
    ]


def _guarded(ask: Callable[[], _T], otherwise: _T) -> _T:
    try:
        return ask()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 (a library's object that is half made, say)
        return otherwise


def _shape(value: Any) -> str:
    if array := _array_type(value):
        return str(tuple(array.shape.__get__(value)))
    if type(value) in (*_SEQUENCES, *_MAPPINGS, *_TEXTS, range):
        return f"len {len(value)}"
    return ""


def _size(value: Any) -> int:
    if (array := _array_type(value)) is None:
        return object.__sizeof__(value) if type(value) not in _known() else sys.getsizeof(value)
    if hasattr(array, "memory_usage"):  # a table; not `getsizeof`, which looks at each of its strings
        usage = value.memory_usage(index=False, deep=False)
        return int(usage if isinstance(usage, int) else usage.sum())
    return int(array.nbytes.__get__(value))


def _array_type(value: Any) -> Any:
    """The class whose `shape` tells the value's, if it is an array or a table of a library that is loaded."""
    kind = cast("type[Any]", type(value))
    for package, names in (("numpy", ["ndarray"]), ("pandas", ["DataFrame", "Series", "Index"]), ("torch", ["Tensor"])):
        for name in names:
            known = vars(sys.modules.get(package, sys)).get(name)
            if type(known) is type and (kind is known or (package == "numpy" and issubclass(kind, known))):
                return known
    return None


def _known() -> tuple[type, ...]:
    return (*_SEQUENCES, *_MAPPINGS, *_TEXTS, *_PLAIN, int, FunctionType, BuiltinFunctionType)


def _one_line(value: Any) -> str:
    line = " ".join(_preview(value, 0).split())
    return line if len(line) <= _MAX_PREVIEW else f"{line[: _MAX_PREVIEW - 1]}…"


def _preview(value: Any, depth: int) -> str:
    kind = cast("type[Any]", type(value))
    if kind in _TEXTS:
        return repr(value[: _MAX_PREVIEW + 1])
    if kind is int:
        return repr(value) if value.bit_length() <= _MAX_BITS else f"<int of {value.bit_length():,} bits>"
    if kind in _PLAIN:
        return repr(value)
    if kind in _SEQUENCES:
        opening, closing = _SEQUENCES[kind]
        return f"{opening}{_items(value, depth, _preview)}{closing}"
    if kind in _MAPPINGS:
        return f"{{{_items(value.items(), depth, _pair, len(value))}}}"
    if array := _array_type(value):
        return _of_array(value, array) if kind is array else ""
    if kind in (FunctionType, BuiltinFunctionType):
        return f"<function {value.__name__}>"
    return (
        f"<class {type.__getattribute__(value, '__name__')}>" if issubclass(kind, type) else f"<{_name(kind)} object>"
    )


def _of_array(value: Any, kind: Any) -> str:
    """A small array of numbers, the first numbers of a large one, the names of a table's columns. One of objects would
    ask them.
    """
    if kind.__name__ == "DataFrame":
        names = [name for name in value.columns[: _MAX_ITEMS + 1].tolist() if type(name) in (str, int)]
        return f"columns {_items(names, 0, lambda name, depth: str(name))}"
    if kind.__module__ != "numpy" or value.dtype.kind not in "biufc":
        return ""
    return repr(value) if value.size <= _SMALL else f"[{_items(value.flat[: _MAX_ITEMS + 1].tolist(), 0, _preview)}]"


def _name(kind: type) -> str:
    return str(type.__getattribute__(kind, "__name__"))


def _pair(pair: tuple[Any, Any], depth: int) -> str:
    return f"{_preview(pair[0], depth)}: {_preview(pair[1], depth)}"


def _items(values: Any, depth: int, show: Callable[[Any, int], str], length: int | None = None) -> str:
    if depth >= _MAX_DEPTH:
        return "…"
    more = ["…"] if (len(values) if length is None else length) > _MAX_ITEMS else []
    shown: Iterator[str] = (show(value, depth + 1) for value in islice(values, _MAX_ITEMS))
    return ", ".join([*shown, *more])
