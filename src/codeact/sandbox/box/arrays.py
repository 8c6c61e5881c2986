"""NumPy arrays and scalars as values: the raw buffer of an array is an attachment. Part of `values`, loaded only when
one is met.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

# NumPy's own types are unknown where nothing says what an array holds, and here nothing does.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

if TYPE_CHECKING:
    from .values import JSON, Packer, Reader

_RAW = "biufcMmSU"  # kinds of dtype that are plain bytes; an object array crosses item by item
_MAX_DIMENSIONS = 32


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
        case "b" | "i" | "u" | "c":
            return packer.pack(value.item(), where, depth)
        case _:
            raise packer.refusal(value, where)


def _write_array(packer: Packer, value: np.ndarray[Any, Any], where: str, depth: int) -> JSON:
    head: dict[str, JSON] = {"$": "array", "dtype": value.dtype.str, "shape": list(value.shape)}
    if value.dtype.kind == "O":
        return {**head, "v": packer.items(value.ravel().tolist(), where, depth)}
    if value.dtype.kind not in _RAW:
        raise TypeError(f"{where} is an array of {value.dtype}, which cannot cross; use one array per field")
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
    dtype = np.dtype(str(data["dtype"]))
    if dtype.kind == "O":
        return _of_objects(reader.items(data["v"]), shape)
    if dtype.kind not in _RAW:
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


def _of_objects(items: list[Any], shape: list[int]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array.reshape(shape)
