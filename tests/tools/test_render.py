"""Values as plain data, and as a model reads them."""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from codeact.tools import as_data, render_value


class Level(enum.IntEnum):
    HIGH = 3


class Name(str, enum.Enum):  # noqa: UP042 -- the older spelling is what people have
    ANN = "Ann"


@dataclass(frozen=True)
class Point:
    x: int
    level: Level = Level.HIGH


class Model(BaseModel):
    points: list[Point]
    name: Name = Name.ANN


class Pair(NamedTuple):
    left: int
    right: Point


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (Point(1), {"x": 1, "level": 3}),
        (Model(points=[Point(1)]), {"points": [{"x": 1, "level": 3}], "name": "Ann"}),
        (Pair(1, Point(2)), (1, {"x": 2, "level": 3})),
        ({Name.ANN: (Point(1),)}, {"Ann": ({"x": 1, "level": 3},)}),
        ({Point(1)}, [{"x": 1, "level": 3}]),
        ([Level.HIGH, Name.ANN], [3, "Ann"]),
        (np.float64(1.5), 1.5),
        ([np.int64(2), np.bool_(True), np.str_("x")], [2, True, "x"]),
        (OrderedDict(a=1), {"a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (deque([1]), [1]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (Path("/x/y"), "/x/y"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.10"), Decimal("1.10")),
    ],
)
def test_classes_of_the_host_become_data(value: object, data: object) -> None:
    assert as_data(value) == data
    assert type(as_data(value)) is type(data)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@settings(deadline=None, max_examples=50)
@given(plain)
def test_plain_data_stays_as_it_is(value: Any) -> None:
    assert as_data(value) == value
    assert render_value(value) == (value if isinstance(value, str) else repr(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        (None, "None"),
        ((1.5, 0.1), "(1.5, 0.1)"),
        ({"a": [True, None]}, "{'a': [True, None]}"),
        (Point(1), "{'x': 1, 'level': 3}"),
        (Name.ANN, "Ann"),
        (np.float64(1.5), "1.5"),
        (b"\x00", "b'\\x00'"),
        (datetime(2026, 1, 2, tzinfo=UTC), "datetime.datetime(2026, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)"),
        (pd.DataFrame({"a": [1]}), "   a\n0  1"),
        (pd.Series([1.5]), "0    1.5"),
    ],
)
def test_rendered(value: object, text: str) -> None:
    assert render_value(value) == text


def test_long_tables_keep_their_head_and_tail_and_say_their_size() -> None:
    frame = render_value(pd.DataFrame({"n": range(5000)}))
    assert "[5000 rows x 1 columns]" in frame
    assert "4999" in frame
    assert len(frame.splitlines()) < 40
    assert "Length: 5000" in render_value(pd.Series(range(5000)))


def test_a_broken_repr_is_not_our_end() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert render_value(Broken()) == "<Broken, which cannot be shown: RuntimeError>"
