"""Events as JSON: what is told of a run, bounded, and with bytes by reference."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, cast

from codeact.types import JSON, Display, Image

LONGEST = 64 * 1024  # characters of one text in an event; the record has the whole
_LARGEST = 2**63  # of integers: from here on they are told as text
_DEEPEST = 40  # levels of values; deeper ones are the doing of a model's code


@dataclass(frozen=True, slots=True)
class Medium:
    """Bytes that an event refers to by `digest`."""

    digest: str  # sha256
    kind: str  # MIME type
    data: bytes = field(repr=False)

    @staticmethod
    def of(kind: str, data: bytes) -> Medium:
        return Medium(hashlib.sha256(data).hexdigest(), kind, data)

    @property
    def reference(self) -> dict[str, JSON]:
        return {"media": self.digest, "type": self.kind, "size": len(self.data)}


@dataclass(slots=True)
class Wire:
    """Writes values of ours as JSON and collects the bytes that were in them. `json.dumps` takes what it gives."""

    media: dict[str, Medium] = field(default_factory=dict[str, Medium])

    def event(self, value: object) -> dict[str, JSON]:
        """A dataclass as an object, its `kind` first."""
        return self._object(value, 0)

    def keep(self, kind: str, data: bytes) -> dict[str, JSON]:
        medium = Medium.of(kind, data)
        self.media[medium.digest] = medium
        return medium.reference

    def plain(self, value: object, depth: int = 0) -> JSON:
        if depth > _DEEPEST:
            return "…"
        match value:
            case None:
                return value
            case int() | float():
                return _number(value)
            case str():
                return shortened(value)
            case bytes():
                return self.keep("application/octet-stream", value)
            case datetime():
                return value.isoformat()
            case Image():
                return self.keep(value.mime, value.data)
            case Display():
                return {
                    "data": {kind: self._shown(kind, data) for kind, data in value.data.items()},
                    "name": value.name,
                }
            case Mapping():
                pairs = cast("Mapping[object, object]", value).items()
                return {_named(key): self.plain(item, depth + 1) for key, item in pairs}
            case Sequence() | set() | frozenset():
                return [self.plain(item, depth + 1) for item in cast("Sequence[object]", value)]
            case _ if is_dataclass(value):
                return self._object(value, depth)
            case _:
                return shortened(_text(value))

    def _object(self, value: object, depth: int) -> dict[str, JSON]:
        names = sorted((item.name for item in fields(cast("Display", value))), key=lambda name: name != "kind")
        return {name: self.plain(getattr(value, name), depth + 1) for name in names}

    def _shown(self, kind: str, data: str | bytes) -> JSON:
        """One form of a display: bytes and long texts by reference, since half a drawing is none."""
        if isinstance(data, bytes):
            return self.keep(kind, data)
        return data if len(data) <= LONGEST else self.keep(kind, data.encode(errors="replace"))


def shortened(text: str) -> str:
    """The head and the tail of a long text. Lone surrogates, which no database takes, become question marks."""
    if len(text) > LONGEST:
        cut = len(text) - LONGEST
        text = f"{text[: LONGEST // 2]}\n[… {cut:,} characters left out …]\n{text[-LONGEST // 2 :]}"
    return text.encode("utf-8", "replace").decode()


def _number(value: float) -> JSON:
    if isinstance(value, int):  # larger ones no database takes; a hostile one has a million digits
        return value if abs(value) < _LARGEST else shortened(hex(value))
    return value if math.isfinite(value) else repr(value)


def _named(key: object) -> str:
    return shortened(hex(key) if isinstance(key, int) and abs(key) >= _LARGEST else _text(key, str))


def _text(value: object, how: Callable[[object], str] = repr) -> str:
    try:
        return how(value)
    except Exception as error:  # noqa: BLE001 -- somebody's own `__repr__`
        return f"<{type(value).__name__}, whose text failed: {type(error).__name__}>"


def digests(value: JSON) -> Iterator[str]:
    """Of all `{"media": digest}` in an event."""
    if isinstance(value, Mapping):
        fields_of = cast("Mapping[str, Any]", value)
        if isinstance(digest := fields_of.get("media"), str):
            yield digest
        for item in fields_of.values():
            yield from digests(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from digests(item)
