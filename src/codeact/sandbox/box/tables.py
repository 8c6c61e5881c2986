"""pandas tables as values: a table is its columns, each an array or a list. Part of `values`, loaded only when one is
met.

Data, names, order and dtype of columns and index survive, categories with their order too; `attrs`, flags, frequencies
and subclasses do not. Other pandas objects (a period or an interval by itself, a group-by) are refused.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .values import JSON, Packer, Reader

pd: Any = importlib.import_module("pandas")  # it has no types, and the stubs that exist are for other versions

# Extension dtypes that are made again from a list, by name. A name that is not here is never looked up.
_LISTED = frozenset(
    ["str", "string", "boolean", "Float32", "Float64"]
    + [f"{sign}nt{bits}" for sign in ("I", "UI") for bits in (8, 16, 32, 64)]
)
_MASKED = _LISTED - {"str", "string"}  # of those, the ones that are an array of numbers and one of what is missing


def write(packer: Packer, value: Any, where: str, depth: int) -> JSON:
    """Raises TypeError for a pandas object that is not data."""
    if value is pd.NA:
        return None
    if isinstance(value, pd.DataFrame):
        columns = [
            _write_column(packer, value.iloc[:, number], f"{where} (column {name!r})", depth + 1)
            for number, name in enumerate(value.columns)
        ]
        index = _write_index(packer, value.index, f"{where}.index", depth + 1)
        return {
            "$": "table",
            "columns": columns,
            "names": _write_index(packer, value.columns, where, depth + 1),
            "index": index,
        }
    if isinstance(value, pd.Series):
        index = _write_index(packer, value.index, f"{where}.index", depth + 1)
        name = packer.pack(value.name, f"{where}.name", depth + 1)
        return {"$": "series", "name": name, "column": _write_column(packer, value, where, depth + 1), "index": index}
    if isinstance(value, pd.Index):
        return packer.pack(value.tolist(), where, depth)
    raise packer.refusal(value, where)


def read(reader: Reader, data: dict[str, JSON]) -> Any:
    """Raises ValueError when columns and index do not fit together."""
    index = _read_index(reader, data["index"])
    if data["$"] == "series":
        return pd.Series(_read_column(reader, data["column"]), index=index, name=reader.unpack(data["name"]))
    columns = [_read_column(reader, column) for column in data["columns"]]
    if any(len(column) != len(index) for column in columns):
        raise ValueError("columns and index differ in length")
    table = pd.DataFrame(dict(enumerate(columns)), index=index)
    table.columns = _read_index(reader, data["names"])
    return table


def _write_column(packer: Packer, column: Any, where: str, depth: int) -> JSON:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return packer.pack(column.to_numpy(), where, depth)
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = column.to_numpy(dtype=f"datetime64[{dtype.unit}]")
        return {"zone": str(dtype.tz), "v": packer.pack(moments, where, depth)}
    if isinstance(dtype, pd.CategoricalDtype):
        held = column.array if isinstance(column, pd.Series) else column
        categories = _write_column(packer, dtype.categories, where, depth)
        return {
            "categories": categories,
            "codes": packer.pack(held.codes, where, depth),
            "ordered": bool(dtype.ordered),
        }
    if str(dtype) in _MASKED:
        missing = column.isna()
        numbers = column.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
        mask = missing.to_numpy() if isinstance(missing, pd.Series) else missing
        return {
            "dtype": str(dtype), "v": packer.pack(numbers, where, depth), "missing": packer.pack(mask, where, depth)
        }  # fmt: skip
    if isinstance(dtype, pd.PeriodDtype):
        ordinals = np.asarray(column.array.asi8)
        return {"period": dtype.name[len("period[") : -1], "v": packer.pack(ordinals, where, depth)}
    if isinstance(dtype, pd.IntervalDtype):
        ends = [_write_column(packer, end, where, depth) for end in (column.array.left, column.array.right)]
        return {"closed": dtype.closed, "ends": ends}
    items = [None if pd.isna(item) is True else item for item in column.tolist()]
    if str(dtype) in _LISTED:
        return {"dtype": str(dtype), "v": packer.items(items, where, depth)}
    return packer.pack(_objects(items), where, depth)


def _read_column(reader: Reader, data: JSON) -> Any:
    if "zone" in data:
        return pd.Series(reader.unpack(data["v"])).dt.tz_localize("UTC").dt.tz_convert(str(data["zone"])).array
    if "dtype" in data and "$" not in data:
        if data["dtype"] not in _LISTED:
            raise ValueError(f"unknown dtype {data['dtype']!r}")
        if data["dtype"] in _MASKED:
            array = pd.array(_flat(reader, data["v"]), dtype=data["dtype"])
            array[_flat(reader, data["missing"]).astype(bool)] = pd.NA
            return array
        return pd.Series(reader.items(data["v"]), dtype=data["dtype"]).array
    if "period" in data:
        return pd.arrays.PeriodArray(_flat(reader, data["v"]), dtype=pd.PeriodDtype(str(data["period"])))
    if "ends" in data:
        left, right = (_read_column(reader, end) for end in data["ends"])
        return pd.arrays.IntervalArray.from_arrays(left, right, closed=data["closed"])
    if "categories" in data:
        categories = pd.Index(_read_column(reader, data["categories"]))
        dtype = pd.CategoricalDtype(categories, ordered=data["ordered"] is True)
        return pd.Categorical.from_codes(_flat(reader, data["codes"]), dtype=dtype)
    return _flat(reader, data)


def _flat(reader: Reader, data: JSON) -> Any:
    array: Any = reader.unpack(data)
    if type(array) is np.ndarray and array.ndim == 1:
        return array
    raise ValueError("a column must be a flat array")


def _write_index(packer: Packer, index: Any, where: str, depth: int) -> JSON:
    names = [packer.pack(name, f"{where}.names", depth) for name in index.names]
    if isinstance(index, pd.RangeIndex):
        return {"names": names, "range": [index.start, index.stop, index.step]}
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    return {"names": names, "levels": [_write_column(packer, level, where, depth) for level in levels]}


def _read_index(reader: Reader, data: JSON) -> Any:
    names = reader.items(data["names"])
    if "range" in data:
        return pd.RangeIndex(*map(int, data["range"]), name=names[0])
    levels = [_read_column(reader, level) for level in data["levels"]]
    if len(levels) == 1:
        return pd.Index(levels[0], name=names[0])
    return pd.MultiIndex.from_arrays(levels, names=names)


def _objects(items: list[Any]) -> Any:
    array: Any = np.empty(len(items), dtype=object)
    array[:] = items
    return array
