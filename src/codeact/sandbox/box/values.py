"""Values that pass between the host and a box, as data: JSON for what JSON has, tags for the rest, raw buffers for
arrays. Never pickle.

    None, bool, int, float, str, list, dict with text keys     as JSON has them
    everything else                                            {"$": tag, …}

Subclasses cross as the plain type they are (a named tuple as a tuple, an enum of ints as an int); a range, a deque and
the views of a dict as lists; a path and a UUID as text; a NumPy scalar as the Python number; NaT and NA as None.
Anything not listed is refused with a TypeError that says where in the value it is.

Reading believes nothing: whatever is not exactly what `pack` writes raises ValueError.
"""

from __future__ import annotations

import base64
import math
from collections import deque
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from .frames import Blob

JSON = Any
MAX_DEPTH = 100
MAX_INLINE = 64 * 1024  # bytes of attachments that a record keeps; a trajectory should not grow by arrays
_EXTENSION_OF_PACKAGE = {
    "numpy": "arrays",
    "pandas": "tables",
    "PIL": "images",
}  # modules beside this one, loaded when such a value is met
_EXTENSION_OF_TAG = {"array": "arrays", "series": "tables", "table": "tables", "image": "images"}
_LISTS: tuple[type, ...] = (list, range, deque, KeysView, ValuesView, ItemsView)
_PLAIN_BITS = 63  # larger integers cross as hexadecimal text, which has no quadratic cost


class Packer:
    """Turns values into JSON and attachments. One packer may take several values, which then share the attachments."""

    def __init__(self, *, inline: bool = False) -> None:
        self.blobs: list[Blob] = []
        self._inline = inline

    def pack(self, value: Any, where: str = "value", depth: int = 0) -> JSON:
        """The JSON form of `value`.

        Raises:
            TypeError: something in it cannot cross; names where it is.
        """
        if value is None or value is True or value is False:
            return value
        if depth > MAX_DEPTH:
            raise TypeError(f"{where} contains itself, or nests deeper than {MAX_DEPTH} levels; return flatter data")
        for kind, write in _WRITERS:
            if isinstance(value, kind):
                return write(self, value, where, depth)
        for name in _extensions(cast("type[Any]", type(value))):
            return import_module(f".{name}", __package__).write(self, value, where, depth)
        raise self.refusal(value, where)

    def refusal(self, value: Any, where: str) -> TypeError:
        name = type(value).__name__
        article = "an" if name[:1] in "AEIOUaeiou" else "a"
        return TypeError(
            f"{where} is {article} {name}, which cannot cross between the box and the host; "
            "use plain data: numbers, text, bytes, lists, dicts, dates, arrays, tables or images"
        )

    def blob(self, data: Blob) -> JSON:
        """A reference to an attachment; in a record the data itself, while it is small."""
        if not self._inline:
            self.blobs.append(data)
            return len(self.blobs) - 1
        if len(data) > MAX_INLINE:
            return {"omitted": len(data)}
        return base64.b64encode(data).decode("ascii")

    def items(self, values: Sequence[Any], where: str, depth: int) -> list[JSON]:
        return [self.pack(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(values)]


class Reader:
    """Turns JSON and attachments back into values."""

    def __init__(self, blobs: Sequence[Blob] = ()) -> None:
        self._blobs = blobs
        self._owned = set[int]()
        self._depth = 0

    def unpack(self, data: JSON) -> Any:
        """Raises ValueError for whatever `pack` does not write."""
        if self._depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        self._depth += 1
        try:
            return self._unpack(data)
        finally:
            self._depth -= 1

    def _unpack(self, data: JSON) -> Any:
        match data:
            case None | bool() | int() | float() | str():
                return data
            case list():
                return [self.unpack(item) for item in cast("list[JSON]", data)]
            case dict():
                return self._object(cast("dict[str, JSON]", data))
            case _:
                raise ValueError(f"not JSON: {type(data).__name__}")

    def blob(self, reference: JSON) -> Blob:
        if isinstance(reference, str):
            return base64.b64decode(reference, validate=True)
        if type(reference) is not int or not 0 <= reference < len(self._blobs):
            raise ValueError(f"no such attachment: {reference!r}")
        return self._blobs[reference]

    def own(self, reference: JSON) -> Blob:
        """The same, for a value that keeps the attachment as its memory: no other value may have it too."""
        buffer = self.blob(reference)
        if not isinstance(reference, str):
            if reference in self._owned:
                raise ValueError(f"attachment {reference} is the memory of another value")
            self._owned.add(reference)
        return buffer

    def items(self, data: JSON) -> list[Any]:
        if not isinstance(data, list):
            raise ValueError("a list was expected")
        return [self.unpack(item) for item in cast("list[JSON]", data)]

    def _object(self, data: dict[str, JSON]) -> Any:
        if "$" not in data:
            return {key: self.unpack(item) for key, item in data.items()}
        tag = data["$"]
        if not isinstance(tag, str) or (tag not in _READERS and tag not in _EXTENSION_OF_TAG):
            raise ValueError(f"unknown tag {tag!r}")
        try:
            if tag in _READERS:
                return _READERS[tag](self, data)
            return import_module(f".{_EXTENSION_OF_TAG[tag]}", __package__).read(self, data)
        except ImportError as error:
            raise ValueError(f"a {tag} has come, but this side has no {error.name}") from None
        except (TypeError, AttributeError, ArithmeticError, LookupError, OSError) as error:
            raise ValueError(f"a broken {tag!r}: {error!r}") from None


def to_json(value: Any, where: str = "value") -> JSON:
    """A value as self-contained JSON, for records. Raises TypeError as `Packer.pack` does."""
    return Packer(inline=True).pack(value, where)


def from_json(data: JSON) -> Any:
    """The value back. Raises ValueError where the record omitted a large attachment."""
    return Reader().unpack(data)


def plain(data: JSON, depth: int = 0) -> bool:
    """Whether a packed value is ordinary JSON, with no tag of ours in it."""
    if depth > MAX_DEPTH:  # `pack` writes nothing that is deeper
        return False
    match data:
        case list():
            return all(plain(item, depth + 1) for item in cast("list[JSON]", data))
        case dict():
            return "$" not in data and all(plain(item, depth + 1) for item in cast("dict[str, JSON]", data).values())
        case _:
            return True


Writer = Callable[[Packer, Any, str, int], JSON]


def _extensions(kind: type[Any]) -> Iterator[str]:
    """The modules that may know a type, by the packages it descends from."""
    for base in kind.__mro__:
        if (package := base.__module__.partition(".")[0]) in _EXTENSION_OF_PACKAGE:
            yield _EXTENSION_OF_PACKAGE[package]


def _int(packer: Packer, value: int, where: str, depth: int) -> JSON:
    number = int(value)
    return number if number.bit_length() <= _PLAIN_BITS else {"$": "int", "v": format(number, "x")}


def _float(packer: Packer, value: float, where: str, depth: int) -> JSON:
    number = float(value)
    return number if math.isfinite(number) else {"$": "float", "v": repr(number)}


def _dict(packer: Packer, value: Mapping[Any, Any], where: str, depth: int) -> JSON:
    pairs = list(value.items())
    if all(isinstance(key, str) for key, _ in pairs) and "$" not in value:
        return {str.__str__(key): packer.pack(item, f"{where}[{key!r}]", depth + 1) for key, item in pairs}
    packed = [
        [packer.pack(key, f"a key of {where}", depth + 1), packer.pack(item, f"{where}[{key!r}]", depth + 1)]
        for key, item in pairs
    ]
    return {"$": "dict", "v": packed}


def _tagged(tag: str) -> Writer:
    def write(packer: Packer, value: Any, where: str, depth: int) -> JSON:
        return {"$": tag, "v": packer.items(list(value), where, depth)}

    return write


def _moment(tag: str) -> Writer:
    """For a date with time, or a time. `fold` tells the two passes of an hour apart where clocks go back."""

    def write(packer: Packer, value: Any, where: str, depth: int) -> JSON:
        if value != value:  # pandas.NaT is a datetime, of sorts
            return None
        if getattr(value, "nanosecond", 0):
            raise TypeError(f"{where} has nanoseconds, which cannot cross; use .floor('us') or .to_datetime64()")
        zone = getattr(value.tzinfo, "key", None)
        named = {"zone": zone} if isinstance(zone, str) else {}
        return {"$": tag, "v": value.isoformat(), **({"fold": 1} if value.fold else {}), **named}

    return write


def _timedelta(packer: Packer, value: timedelta, where: str, depth: int) -> JSON:
    if getattr(value, "nanoseconds", 0):
        raise TypeError(f"{where} has nanoseconds, which cannot cross; use .floor('us') or .to_timedelta64()")
    return {"$": "timedelta", "v": [value.days, value.seconds, value.microseconds]}


def _read_datetime(reader: Reader, data: dict[str, JSON]) -> datetime:
    moment = datetime.fromisoformat(data["v"]).replace(fold=data.get("fold", 0))
    return moment.replace(tzinfo=ZoneInfo(data["zone"])) if "zone" in data else moment


def _read_dict(reader: Reader, data: dict[str, JSON]) -> dict[Any, Any]:
    return {reader.unpack(key): reader.unpack(item) for key, item in data["v"]}


_WRITERS: tuple[tuple[type | tuple[type, ...], Writer], ...] = (
    (str, lambda packer, value, where, depth: str.__str__(value)),
    (int, _int),
    (float, _float),
    (_LISTS, lambda packer, value, where, depth: packer.items(list(value), where, depth)),
    (dict, _dict),
    (tuple, _tagged("tuple")),
    (set, _tagged("set")),
    (frozenset, _tagged("frozenset")),
    (
        (bytes, bytearray, memoryview),
        lambda packer, value, where, depth: {"$": "bytes", "b": packer.blob(bytes(value))},
    ),
    (complex, lambda packer, value, where, depth: {"$": "complex", "v": [repr(value.real), repr(value.imag)]}),
    (datetime, _moment("datetime")),
    (date, lambda packer, value, where, depth: {"$": "date", "v": value.isoformat()}),
    (time, _moment("time")),
    (timedelta, _timedelta),
    (Decimal, lambda packer, value, where, depth: {"$": "decimal", "v": str(value)}),
    ((PurePath, UUID), lambda packer, value, where, depth: str(value)),
)

_READERS: dict[str, Callable[[Reader, dict[str, JSON]], Any]] = {
    "int": lambda reader, data: int(data["v"], 16),
    "float": lambda reader, data: float(data["v"]),
    "dict": _read_dict,
    "tuple": lambda reader, data: tuple(reader.items(data["v"])),
    "set": lambda reader, data: set(reader.items(data["v"])),
    "frozenset": lambda reader, data: frozenset(reader.items(data["v"])),
    "bytes": lambda reader, data: bytes(reader.blob(data["b"])),
    "complex": lambda reader, data: complex(*map(float, data["v"])),
    "datetime": _read_datetime,
    "date": lambda reader, data: date.fromisoformat(data["v"]),
    "time": lambda reader, data: time.fromisoformat(data["v"]).replace(fold=data.get("fold", 0)),
    "timedelta": lambda reader, data: timedelta(*data["v"]),
    "decimal": lambda reader, data: Decimal(data["v"]),
}
