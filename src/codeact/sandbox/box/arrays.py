"""NumPy arrays and scalars as values: the raw buffer of an array is an attachment. Part of `values`, loaded only when
one is met.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format

# NumPy's own types are unknown where nothing says what an array holds, and here nothing does.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

if TYPE_CHECKING:
    from .values import JSON, Packer, Reader

_RAW = "biufcMmSUV"  # kinds of dtype that are plain bytes; an object array crosses item by item
_MAX_DIMENSIONS = 32
_MAX_FIELDS, _MAX_NESTED = 1_000, 8  # of a structured dtype


def write(packer: Packer, value: Any, where: str, depth: int) -> JSON:
    """Raises TypeError for what is neither an array nor a scalar of data."""
    if isinstance(value, np.ndarray):
        return _write_array(packer, value, where, depth)
    if isinstance(value, np.generic):
        return _write_scalar(packer, value, where, depth)
    raise packer.refusal(value, where)


def _write_scalar(packer: Packer, value: Any, where: str, depth: int) -> JSON:
    match value.dtype.kind:
        case "M" | "m":  # no Python type has its units
            return None if np.isnat(value) else _write_array(packer, np.asarray(value), where, depth)
        case "f":
            return packer.pack(float(value), where, depth)
        case "V" if value.dtype.names:
            return packer.pack(value.item(), where, depth)
        case "b" | "i" | "u" | "c":
            return packer.pack(value.item(), where, depth)
        case _:
            raise packer.refusal(value, where)


def _write_array(packer: Packer, value: np.ndarray[Any, Any], where: str, depth: int) -> JSON:
    if isinstance(value, np.ma.MaskedArray):  # its mask would be lost, and what it hides would be shown
        raise TypeError(f"{where} is a masked array, which cannot cross; use .filled(…) or .compressed()")
    if value.ndim > _MAX_DIMENSIONS:
        raise TypeError(f"{where} is an array of {value.ndim} dimensions, which cannot cross; use .reshape(…)")
    head: dict[str, JSON] = {"$": "array", "dtype": _write_dtype(value.dtype, where), "shape": list(value.shape)}
    if value.dtype.kind == "O":
        return {**head, "v": packer.items(value.ravel().tolist(), where, depth)}
    if value.dtype.kind not in _RAW or value.dtype.hasobject:
        raise TypeError(f"{where} is an array of {value.dtype}, which cannot cross; use .astype(object) or a list")
    flat = np.ascontiguousarray(value).reshape(-1)
    return {**head, "b": packer.blob(flat.view(np.uint8).data if flat.size else b"")}


def read(reader: Reader, data: dict[str, JSON]) -> np.ndarray[Any, Any]:
    """Raises ValueError when the buffer is not what its description says."""
    shape = data["shape"]
    if (
        not isinstance(shape, list)
        or len(shape) > _MAX_DIMENSIONS
        or not all(type(side) is int and side >= 0 for side in shape)
    ):
        raise ValueError(f"not a shape: {shape!r}")
    dtype = _read_dtype(data["dtype"])
    if dtype.kind == "O":
        return _of_objects(reader.items(data["v"]), shape)
    if dtype.kind not in _RAW or dtype.hasobject:
        raise ValueError(f"not a dtype of plain data: {dtype}")
    buffer = reader.own(data["b"])
    if len(buffer) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(buffer)} bytes are not an array of shape {tuple(shape)} of {dtype}")
    if dtype.itemsize == 0 and math.prod(shape) > 0:  # any number of items from no bytes
        raise ValueError(f"items without a size: {dtype}")
    if not len(buffer):
        return np.zeros(shape, dtype)
    array = np.frombuffer(buffer, dtype).reshape(shape)
    return array if array.flags.writeable else array.copy()


def _write_dtype(dtype: np.dtype[Any], where: str) -> JSON:
    """As `np.save` describes it: text, or for a structured one the list of its fields."""
    written: JSON = json.loads(json.dumps(format.dtype_to_descr(dtype)))
    if dtype.names is not None or not dtype.itemsize:
        try:
            same = _read_dtype(written) == dtype and dtype.itemsize > 0
        except ValueError:
            same = False
        if not same:  # no bytes, titles, too many fields: the reader would take it for nonsense
            text = f"an array of {dtype!s:.200}"
            raise TypeError(f"{where} is {text}, which cannot cross; use an array for each field, or a list")
    return written


def _read_dtype(data: JSON) -> np.dtype[Any]:
    return format.descr_to_dtype(_descr(data))


def _descr(data: JSON, depth: int = 0) -> Any:
    """A description in the tuples that NumPy wants, and nothing in it but names, types and shapes."""
    if isinstance(data, str):
        return data
    if not isinstance(data, list) or depth > _MAX_NESTED or len(data) > _MAX_FIELDS:
        raise ValueError(f"not a dtype: {str(data)[:80]}")
    fields = list[tuple[Any, ...]]()
    for field in data:
        match field:
            case [str(name), kind]:
                fields.append((name, _descr(kind, depth + 1)))
            case [str(name), kind, [*shape]] if all(type(side) is int and side >= 0 for side in shape):
                fields.append((name, _descr(kind, depth + 1), tuple(shape)))
            case _:
                raise ValueError(f"not a field of a dtype: {str(field)[:80]}")
    return fields


def _of_objects(items: list[Any], shape: list[int]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array.reshape(shape)
