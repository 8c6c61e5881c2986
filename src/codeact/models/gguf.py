"""Read the header of a GGUF file, to find one that is cut short or none at all before llama.cpp does; and where its
tensors are, for those who load them elsewhere.

Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from codeact.errors import WeightsError

MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_ALIGNMENT: Final = 32  # bytes, where `general.alignment` says nothing else
_MOST: Final = {"tensors": 2**16, "values": 2**16, "dimensions": 4, "elements": 2**24}  # far above any real model
_LENGTH: Final = struct.Struct("<Q")
_STRING: Final = 8
_ARRAY: Final = 9
_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# ggml type: (values per block, bytes per block), from ggml-common.h
_BLOCKS: Final = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


Scalar = str | int | float
Array = tuple[str, ...] | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufInfo:
    """What the header says about the model."""

    architecture: str  # "qwen2", "llama", …; empty when the file does not say
    name: str
    context: int | None  # tokens the model was trained to read
    has_chat_template: bool
    tensors: int
    size: int  # bytes the file must have to hold all its tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufTensor:
    """One tensor, and where its bytes are."""

    name: str
    shape: tuple[int, ...]  # outermost dimension first, as in PyTorch; the file has them the other way round
    kind: int  # ggml's number of its type
    start: int  # byte in the file
    size: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """The header as it was written."""

    info: GgufInfo
    values: Mapping[str, Scalar]  # of those that are no arrays
    arrays: Mapping[str, Array]  # only those that were asked for
    tensors: tuple[GgufTensor, ...]


def read_gguf(path: Path) -> GgufInfo:
    """Check that `path` is a whole GGUF file, and say what is in it. Only the header is read.

    Raises:
        WeightsError: no such file, not GGUF, or cut short.
    """
    return read_header(path).info


def read_header(path: Path, arrays: Container[str] = ()) -> GgufHeader:
    """As `read_gguf`, and everything that the header says; of its arrays, those that are named.

    Raises:
        WeightsError: no such file, not GGUF, or cut short.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise WeightsError(f"{str(path)!r} is not a GGUF file: it does not begin with {MAGIC.decode()!r}")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                header, size = _read_header(_Reader(data), arrays), len(data)
    except OSError as error:
        raise WeightsError(f"cannot read the model file {str(path)!r}: {error.strerror}") from error
    except _HeaderError as error:
        raise WeightsError(f"{str(path)!r} is a broken or cut GGUF file: {error}") from error
    needed = header.info.size
    if size < needed:
        raise WeightsError(f"{str(path)!r} is cut short: it has {size:,} bytes and its tensors need {needed:,}")
    return header


class _HeaderError(Exception):
    pass


class _Reader:
    """A cursor in the file; every step is checked against its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.position = len(MAGIC)

    def take(self, code: str) -> int | float:
        size = struct.calcsize("<" + code)
        start = self.position
        self.skip(size)
        return struct.unpack_from("<" + code, self._data, start)[0]

    def count(self, code: str = "Q") -> int:
        return int(self.take(code))

    def bounded(self, what: str, code: str = "Q") -> int:
        """A number of things to read: damage here must not send us reading for minutes."""
        number = self.count(code)
        if number > _MOST[what]:
            raise _HeaderError(f"it claims to hold {number:,} {what}")
        return number

    def text(self) -> str:
        length = self.count()
        start = self.position
        self.skip(length)
        return self._data[start : start + length].decode("utf-8", "replace")

    def numbers(self, code: str, count: int) -> tuple[int, ...] | tuple[float, ...]:
        packed = struct.Struct(f"<{count}{code}")
        start = self.position
        self.skip(packed.size)
        return packed.unpack_from(self._data, start)

    def skip_texts(self, count: int) -> None:
        """The one loop that takes time: a vocabulary has some hundred thousand entries."""
        data, position, last = self._data, self.position, len(self._data) - _LENGTH.size
        for _ in range(count):
            if position > last:
                raise self._past_end()
            position += _LENGTH.size + _LENGTH.unpack_from(data, position)[0]
        self.skip(position - self.position)

    def skip(self, size: int) -> None:
        if self.position + size > len(self._data):
            raise self._past_end()
        self.position += size

    def _past_end(self) -> _HeaderError:
        return _HeaderError(f"its header goes on behind its end, byte {len(self._data):,}")


def _read_header(reader: _Reader, wanted: Container[str]) -> GgufHeader:
    version = reader.count("I")
    if version not in _VERSIONS:
        raise _HeaderError(f"its version is {version}, known are {_VERSIONS}")
    count, pairs = reader.bounded("tensors"), reader.bounded("values")
    values: dict[str, Scalar] = {}
    arrays: dict[str, Array] = {}
    for _ in range(pairs):
        key, kind = reader.text(), reader.count("I")
        if kind != _ARRAY:
            values[key] = _scalar(reader, kind)
        elif key in wanted:
            arrays[key] = _array(reader)
        else:
            _skip_array(reader)
    places = [_place(reader) for _ in range(count)]
    start = _data_start(reader, values.get("general.alignment", _ALIGNMENT))
    tensors = tuple(_tensor(place, start) for place in places)
    end = max((tensor.start + tensor.size for tensor in tensors), default=start)
    return GgufHeader(
        info=_info(values, len(tensors), end),
        values=MappingProxyType(values),
        arrays=MappingProxyType(arrays),
        tensors=tensors,
    )


def _info(values: Mapping[str, Scalar], tensors: int, size: int) -> GgufInfo:
    architecture = str(values.get("general.architecture", ""))
    context = values.get(f"{architecture}.context_length")
    return GgufInfo(
        architecture=architecture,
        name=str(values.get("general.name", "")),
        context=context if isinstance(context, int) else None,
        has_chat_template="tokenizer.chat_template" in values,
        tensors=tensors,
        size=size,
    )


def _data_start(reader: _Reader, alignment: Scalar) -> int:
    if not isinstance(alignment, int) or alignment <= 0:
        raise _HeaderError(f"its alignment is {alignment!r}")
    return -(-reader.position // alignment) * alignment


def _scalar(reader: _Reader, kind: int) -> Scalar:
    if kind == _STRING:
        return reader.text()
    if kind in _SCALARS:
        return reader.take(_SCALARS[kind])
    raise _HeaderError(f"it holds a value of unknown type {kind}")


def _array(reader: _Reader) -> Array:
    kind, count = reader.count("I"), reader.bounded("elements")
    if kind == _STRING:
        return tuple(reader.text() for _ in range(count))
    return reader.numbers(_array_code(kind), count)


def _skip_array(reader: _Reader) -> None:
    """Vocabularies, mostly."""
    kind, count = reader.count("I"), reader.bounded("elements")
    if kind == _STRING:
        reader.skip_texts(count)
    else:
        reader.skip(count * struct.calcsize("<" + _array_code(kind)))


def _array_code(kind: int) -> str:
    if kind not in _SCALARS:  # an array of arrays is allowed by the format, and used by no model
        raise _HeaderError(f"it holds an array of unknown type {kind}")
    return _SCALARS[kind]


def _place(reader: _Reader) -> tuple[str, tuple[int, ...], int, int]:
    """Name, shape, kind and the place in the data of a tensor."""
    name = reader.text()
    shape = tuple(reader.count() for _ in range(reader.bounded("dimensions", "I")))[::-1]
    return name, shape, reader.count("I"), reader.count()


def _tensor(place: tuple[str, tuple[int, ...], int, int], data_start: int) -> GgufTensor:
    """A type we do not know counts as empty."""
    name, shape, kind, offset = place
    per_block, block = _BLOCKS.get(kind, (1, 0))
    size = math.prod(shape) // per_block * block
    return GgufTensor(name=name, shape=shape, kind=kind, start=data_start + offset, size=size)
