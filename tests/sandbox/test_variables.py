"""What a session's variables are told as, and at what cost."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codeact.sandbox.box.variables import describe


def row(value: Any) -> list[Any]:
    ((_, *rest),) = describe({"x": value}, {})
    return rest


def recursive() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


SHOWN: list[tuple[Any, str, str, str]] = [
    (5, "int", "", "5"),
    (1 << 19_931, "int", "", "<int of 19,932 bits>"),
    ("a\nb", "str", "len 3", "'a\\nb'"),
    ([1, "x", None, 2.5, 3], "list", "len 5", "[1, 'x', None, 2.5, …]"),
    ((), "tuple", "len 0", "()"),
    ({"a": {"b": {"c": {"d": 1}}}}, "dict", "len 1", "{'a': {'b': {'c': {…}}}}"),
    (OrderedDict(a=1), "OrderedDict", "len 1", "{'a': 1}"),
    (deque([1]), "deque", "len 1", "[1]"),
    (date(2026, 1, 2), "date", "", "datetime.date(2026, 1, 2)"),
    (range(10), "range", "len 10", "range(0, 10)"),
    (np.arange(3), "ndarray", "(3,)", "array([0, 1, 2])"),
    (np.zeros((50, 50)), "ndarray", "(50, 50)", "[0.0, 0.0, 0.0, 0.0, …]"),
    (np.array([object()]), "ndarray", "(1,)", ""),
    (pd.DataFrame({"a": [1, 2], 7: [3, 4]}), "DataFrame", "(2, 2)", "columns a, 7"),
    (pd.DataFrame(np.zeros((1, 500))), "DataFrame", "(1, 500)", "columns 0, 1, 2, 3, …"),
    (pd.Series([1.5]), "Series", "(1,)", ""),
    (len, "builtin_function_or_method", "", "<function len>"),
    (row, "function", "", "<function row>"),
    (dict, "type", "", "<class dict>"),
    (recursive(), "list", "len 1", "[[[[…]]]]"),
]


@pytest.mark.parametrize(("value", "kind", "shape", "preview"), SHOWN, ids=[kind for _, kind, *_ in SHOWN])
def test_known_types_are_shown(value: Any, kind: str, shape: str, preview: str) -> None:
    found = row(value)
    assert (found[0], found[1], found[3]) == (kind, shape, preview)
    assert found[2] >= 0


class Trap:
    """Whatever is asked of it is an error."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)

    def _fail(self, *args: Any) -> Any:
        raise AssertionError("looked at")

    __repr__ = __len__ = __hash__ = __eq__ = __lt__ = __sizeof__ = __iter__ = _fail  # pyright: ignore[reportAssignmentType]


class TrapList(list[Any]):
    def __len__(self) -> int:
        raise AssertionError("looked at")

    __iter__ = __repr__ = __sizeof__ = __len__  # pyright: ignore[reportAssignmentType]


TrapArray: Any = type(
    "TrapArray", (np.ndarray,), {name: property(lambda _: 1 / 0) for name in ("shape", "nbytes", "size")}
)


def test_no_code_of_a_value_is_run() -> None:
    assert row(Trap())[::3] == ["Trap", "<Trap object>"]
    assert row([Trap(), {"a": Trap()}])[3] == "[<Trap object>, {'a': <Trap object>}]"
    assert row(TrapList([1]))[::3] == ["TrapList", "<TrapList object>"]
    assert row(np.zeros((2, 3)).view(TrapArray))[:3] == ["TrapArray", "(2, 3)", 48]


def test_large_values_cost_what_small_ones_do() -> None:
    table = pd.DataFrame(
        {"text": ["x" * 1000] * 10_000}, dtype=object
    )  # Arrow's strings, where it is there, are one block
    assert row(table)[2] < 1_000_000  # not the strings, which would all have to be looked at
    assert len(row(bytes(50_000_000))[3]) == 80
    assert row(dict.fromkeys(range(1_000_000)))[3] == "{0: None, 1: None, 2: None, 3: None, …}"
    assert row(set(range(1_000_000)))[3] == "{0, 1, 2, 3, …}"
    assert row(np.broadcast_to(np.zeros(1), (10**6, 1000)))[1:4:2] == ["(1000000, 1000)", "[0.0, 0.0, 0.0, 0.0, …]"]


def test_what_is_not_the_agents_is_left_out() -> None:
    hidden = {"tool": len}
    names = {"_private": 1, "np": np, "tool": len, "x": 1}
    assert [found[0] for found in describe(names, hidden)] == ["x"]
    assert [found[0] for found in describe({"tool": 5}, hidden)] == ["tool"]
