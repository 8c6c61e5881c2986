"""The limits of a session, and other bounds, in words: `memory=2GiB`, `cpu_time=30`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from codeact.errors import UsageError
from codeact.sandbox.base import Limits

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True)
class Bounds:
    """An option that sets fields of a dataclass by their names; those that are neither sizes nor times are counts."""

    flag: str
    kind: type
    sizes: frozenset[str]
    times: frozenset[str]

    def parse(self, given: Sequence[str]) -> dict[str, float | int]:
        """From `NAME=VALUE` texts; a later one wins.

        Raises:
            UsageError: no such field, or no such number.
        """
        names = [each.name for each in fields(self.kind)]
        values = dict[str, float | int]()
        for text in given:
            name, equals, value = text.partition("=")
            name = name.strip().replace("-", "_")
            if not equals or name not in names:
                raise UsageError(f"{self.flag} {text!r} should be NAME=VALUE, where NAME is one of {', '.join(names)}")
            values[name] = self._number(name, value.strip(), text)
        return values

    def _number(self, name: str, value: str, text: str) -> float | int:
        found = _SIZE.fullmatch(value)
        if found and name in self.sizes:
            return int(float(found["number"]) * _UNITS[found["unit"].upper()])
        try:
            return float(value) if name in self.times else int(value)
        except ValueError:
            kind = "a size, as in 2GiB" if name in self.sizes else "seconds" if name in self.times else "a whole number"
            raise UsageError(f"{self.flag} {text!r}: {value!r} is not {kind}") from None


LIMITS = Bounds(
    "--limit", Limits, frozenset(["memory", "total_memory", "workspace", "output"]), frozenset(["cpu_time"])
)


def parse_limits(given: Sequence[str], over: Limits | None = None) -> Limits:
    """From `NAME=VALUE` texts, the names being those of `Limits`; what is not named is as `over` has it.

    Raises:
        UsageError: no such limit, no such number, or limits that contradict each other.
    """
    return replace(over or Limits(), **LIMITS.parse(given))  # pyright: ignore[reportArgumentType] -- whole where wanted
