"""The limits of a session in words: `memory=2GiB`, `cpu_time=30`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields

from codeact.errors import UsageError
from codeact.sandbox.base import Limits

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_BYTES = frozenset(["memory", "total_memory", "workspace", "output"])
_SECONDS = frozenset(["cpu_time"])


def parse_limits(given: Sequence[str]) -> Limits:
    """From `NAME=VALUE` texts, the names being those of `Limits`; a later one wins.

    Raises:
        UsageError: no such limit, no such number, or limits that contradict each other.
    """
    names = [each.name for each in fields(Limits)]
    values = dict[str, float | int]()
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in names:
            raise UsageError(f"--limit {text!r} should be NAME=VALUE, where NAME is one of {', '.join(names)}")
        values[name] = _number(name, value.strip(), text)
    return Limits(**values)  # pyright: ignore[reportArgumentType] -- whole numbers where the field wants them


def _number(name: str, value: str, text: str) -> float | int:
    found = _SIZE.fullmatch(value)
    if found and name in _BYTES:
        return int(float(found["number"]) * _UNITS[found["unit"].upper()])
    try:
        return float(value) if name in _SECONDS else int(value)
    except ValueError:
        kind = "a size, as in 2GiB" if name in _BYTES else "seconds" if name in _SECONDS else "a whole number"
        raise UsageError(f"--limit {text!r}: {value!r} is not {kind}") from None
