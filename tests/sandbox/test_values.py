"""The wire form of values: everything listed survives the round trip, and nothing broken is read."""

from __future__ import annotations

import contextlib
import json
import math
from collections import OrderedDict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from PIL import Image

from codeact.sandbox.box.values import MAX_DEPTH, Packer, Reader, from_json, plain, to_json

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
)
KEYS = st.text() | st.integers() | st.none() | st.tuples(st.text(), st.integers()) | st.just("$")
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.sets(st.integers())
        | st.frozensets(st.text())
    ),
    max_leaves=20,
)


def there_and_back(value: Any) -> Any:
    packer = Packer()
    data = packer.pack(value)
    return Reader(packer.blobs).unpack(json.loads(json.dumps(data)))


@given(VALUES)
@settings(max_examples=50)
def test_values_survive(value: Any) -> None:
    back = there_and_back(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value) or back == value


@given(VALUES)
@settings(max_examples=50)
def test_records_hold_the_same_value(value: Any) -> None:
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert repr(back) == repr(value) or back == value


@given(
    stn.arrays(
        st.sampled_from(["i1", "<u8", ">f4", "?", "c16", "M8[us]", "m8[s]", "U3", "S2", "f8"]),
        stn.array_shapes(min_side=0),
    )
)
def test_arrays_survive(array: np.ndarray[Any, Any]) -> None:
    for value in (array, array.T, array[..., ::-1]):
        back = there_and_back(value)
        assert back.dtype == value.dtype
        assert back.shape == value.shape
        assert back.tobytes() == value.tobytes()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["$", "v", "b", "dtype", "shape", "columns", "index", "zone"]), inner)
            | st.fixed_dictionaries(
                {
                    "$": st.sampled_from(
                        [
                            "dict",
                            "set",
                            "int",
                            "float",
                            "bytes",
                            "datetime",
                            "decimal",
                            "array",
                            "table",
                            "series",
                            "complex",
                        ]
                    )
                },
                optional={
                    "v": inner,
                    "b": inner,
                    "dtype": inner,
                    "shape": inner,
                    "columns": inner,
                    "index": inner,
                    "names": inner,
                    "zone": inner,
                    "period": inner,
                    "ends": inner,
                    "closed": inner,
                },
            )
        ),
    )
)
def test_whatever_comes_is_read_or_refused_with_value_error(data: Any) -> None:
    with contextlib.suppress(ValueError):
        Reader([b"12345678"]).unpack(data)


TABLES = [
    pd.DataFrame(),
    pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", None], "d": [True, False]}),
    pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"], index=pd.Index([1.5, 2.5], name="i")),
    pd.DataFrame(
        {
            "t": pd.to_datetime(["2026-01-01", None]),
            "z": pd.to_datetime(["2026-01-01", None]).tz_localize("Europe/Berlin"),
        }
    ),
    pd.DataFrame(
        {
            "n": pd.array([1, None], "Int64"),
            "b": pd.array([True, None], "boolean"),
            "d": pd.to_timedelta([1, None], "s"),
        }
    ),
    pd.DataFrame({"c": pd.Categorical(["a", "b", "a"]), "o": [1, "x", None]}).set_index("c"),
    pd.DataFrame({"v": range(4)}, index=pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["p", None])),
    pd.DataFrame(np.zeros((2, 2)), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    pd.DataFrame({"x": [1]}, index=pd.date_range("2026-01-01", periods=1, tz="UTC")),
    pd.DataFrame({"c": pd.Categorical(["b", None, "a"], categories=["b", "a", "never"], ordered=True)}),
    pd.DataFrame({"c": pd.Categorical([3, 1], categories=[1, 2, 3])}, index=pd.CategoricalIndex(["x", "y"])),
    pd.DataFrame({"u": pd.array([1, None], "UInt8"), "f": pd.array([1.5, None], "Float32")}),
    pd.DataFrame({"x": [1, 2]}, index=pd.Index([1, None], dtype="Int64")),
    pd.DataFrame(
        {"p": pd.PeriodIndex(["2026-01", None], freq="M"), "q": pd.period_range("2026", periods=2, freq="2h")}
    ),
    pd.DataFrame({"x": [1, 2]}, index=pd.period_range("2026-01-05", periods=2, freq="W-MON", name="week")),
    pd.DataFrame({"i": pd.interval_range(0, 2, closed="left"), "c": pd.cut([0.5, np.nan], [0, 1, 2])}),
    pd.DataFrame({"t": pd.interval_range(pd.Timestamp("2026-01-01", tz="UTC"), periods=2)}),
]


@pytest.mark.parametrize("table", TABLES)
def test_tables_survive(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(there_and_back(table), table, check_freq=False)


STRUCTURED = np.dtype(
    [("id", "<i4"), ("point", [("x", "f8"), ("y", "f8")]), ("when", "M8[s]"), ("tag", "S3"), ("grid", "u1", (2, 2))]
)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, STRUCTURED),
        np.ones((2, 2), STRUCTURED, order="F"),
        np.zeros(0, STRUCTURED),
        np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.array([b"ab", b"c"], "V4"),
        np.broadcast_to(np.arange(3), (2, 3)),
    ],
)
def test_structured_and_odd_arrays_survive(array: np.ndarray[Any, Any]) -> None:
    array.flags.writeable = False
    back = there_and_back(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable


def test_a_record_of_a_structured_array_is_a_tuple() -> None:
    assert there_and_back(np.array([(1, 2.5)], "i4,f4")[0]) == (1, 2.5)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_images_survive(mode: str) -> None:
    image = Image.effect_noise((7, 5), 50).convert(mode)
    back = there_and_back(image)
    assert (back.mode, back.size, back.tobytes()) == (image.mode, image.size, image.tobytes())


def test_an_image_with_a_palette_crosses_as_its_colours() -> None:
    image = Image.new("RGB", (3, 3), "red").quantize(4)
    assert there_and_back(image).getpixel((0, 0)) == image.convert("RGB").getpixel((0, 0))


def test_numbers_that_are_none_survive() -> None:
    assert math.isnan(there_and_back(math.nan))
    assert there_and_back([math.inf, -math.inf, -0.0]) == [math.inf, -math.inf, 0.0]
    assert there_and_back(Decimal("NaN")).is_nan()
    assert repr(there_and_back(complex("nan-0j"))) == "(nan-0j)"


def test_series_survive() -> None:
    for series in (pd.Series([1, 2], name="x"), pd.Series(["a", None], index=["p", "q"]), pd.Series(dtype="float64")):
        pd.testing.assert_series_equal(there_and_back(series), series)


class Color(IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (np.int8(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.longdouble(2), 2.0),
        (np.str_("x"), "x"),
        (np.datetime64("NaT"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Timestamp("2026-01-02 03:04"), datetime(2026, 1, 2, 3, 4)),
        (pd.Timedelta(seconds=5), timedelta(seconds=5)),
        (pd.Index([1, 2]), [1, 2]),
        (Color.RED, 1),
        (Path("a/b"), "a/b"),
        (namedtuple("P", "x y")(1, 2), (1, 2)),
        (OrderedDict(a=1), {"a": 1}),
        (bytearray(b"x"), b"x"),
        (range(3), [0, 1, 2]),
        (deque([1, (2,)]), [1, (2,)]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.items(), [("a", 1)]),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (2**200, 2**200),
    ],
)
def test_kin_of_plain_types_become_plain(value: Any, becomes: Any) -> None:
    back = there_and_back(value)
    assert back == becomes
    assert type(back) is type(becomes)


def test_a_named_zone_keeps_its_name() -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert str(there_and_back(moment).tzinfo) == "Europe/Berlin"
    assert there_and_back(datetime(2026, 1, 1, tzinfo=UTC)).utcoffset() == timedelta(0)
    assert there_and_back(time(1, 2)) == time(1, 2)
    assert there_and_back(date(2026, 1, 1)) == date(2026, 1, 1)
    assert there_and_back(Decimal("1.10")).as_tuple() == Decimal("1.10").as_tuple()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (object(), "value is an object"),
        ({"model": print}, "value['model'] is a builtin_function_or_method"),
        ([0, (1, {2: [lambda: 0]})], "value[1][1][2][0] is a function"),
        ({object: 1}, "a key of value is a type"),
        (np.zeros(2, dtype=[("a", "i4"), ("b", "O")]), "value is an array of"),
        (np.ma.masked_array([1, 2], [0, 1]), "value is a masked array"),
        (np.zeros(2, "V0"), "value is an array of |V0"),
        (np.zeros(2, dtype=[]), "value is an array of []"),
        (np.zeros(1, dtype=[(f"f{n}", "i1") for n in range(1001)]), "value is an array of [('f0', 'i1'), "),
        (np.zeros(1, dtype=[(("a title", "a"), "i4")]), "value is an array of [(('a title', 'a'), '<i4')]"),
        (pd.Timestamp("2026-01-01 00:00:00.000000001"), "value has nanoseconds"),
        (pd.Timedelta(1, "ns"), "value has nanoseconds"),
        (Image.new("1", ((1 << 20) + 1, 1)), "value is an image of (1048577, 1) pixels"),
        (np.array([object()], dtype=object), "value[0] is an object"),
        (pd.DataFrame({"a": [object()]}), "value (column 'a')[0] is an object"),
        (pd.Interval(0, 1), "value is an Interval"),
        (iter([]), "value is a list_iterator"),
    ],
)
def test_what_cannot_cross_is_named(value: Any, where: str) -> None:
    with pytest.raises(TypeError, match="cannot cross") as caught:
        Packer().pack(value)
    assert str(caught.value).startswith(where)


def test_depth_is_limited_on_both_sides() -> None:
    deep: Any = 0
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert there_and_back(deep) == deep
    with pytest.raises(TypeError, match="nests deeper"):
        Packer().pack([deep])
    with pytest.raises(ValueError, match="nested deeper"):
        Reader().unpack([deep])
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    with pytest.raises(TypeError, match="contains itself"):
        Packer().pack(cycle)


def test_a_record_leaves_out_large_data() -> None:
    record = to_json(np.zeros(100_000))
    assert record["b"] == {"omitted": 800_000}
    with pytest.raises(ValueError, match="attachment"):
        from_json(record)


def test_plain_is_json_without_tags() -> None:
    assert plain(Packer().pack({"a": [1, None, "x"]}))
    assert not plain(Packer().pack({"a": [(1,)]}))
