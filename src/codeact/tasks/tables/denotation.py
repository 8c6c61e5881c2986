"""What an answer about a table is worth: WikiTableQuestions' own rules, in our words.

An answer is a set of values. It is right if it has as many distinct values as the reference, and each of the reference's
is met by one of them: as the same text once both are normalised, as the same number, or as the same date. Beyond the
rules, a thousands separator does not count (`12,467` is 12467): the publisher's tagged file says so of each reference,
and the plain one does not.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from codeact.actions import literals
from codeact.tasks.base import Environment, Verdict
from codeact.types import JSON, Answer

NEAR = 1e-6  # what numbers may differ by

_ALIKE = {**dict.fromkeys("‘’´`", "'"), **dict.fromkeys("“”", '"'), **dict.fromkeys("‐‑‒–—−", "-")}
_MARKS = re.compile(r"(?:^\[\d+\]|(?<!^)\[[^\]]*\]|[•♦†‡*#+])*$")  # notes at the end, no two ways to read them
_ASIDES = re.compile(r"(?<!^)(?: \([^)]*\))*$")
_QUOTED = re.compile(r'^"([^"]*)"$')
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:e[-+]?\d{1,3})?", re.ASCII)
_DATE = re.compile(r"(\d{1,4}|xx|xxxx)-(\d{1,2}|xx)-(\d{1,2}|xx)", re.ASCII)
_LONGEST = 100  # characters of a number


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an answer, in all ways in which it can be met."""

    text: str  # normalised
    number: float | None = None
    date: tuple[int, int, int] | None = None  # year, month, day; -1 for what is not said

    def meets(self, other: Value) -> bool:
        if self.text == other.text:
            return True
        if self.number is not None and other.number is not None:
            return abs(self.number - other.number) < NEAR
        return self.date is not None and self.date == other.date


@dataclass(frozen=True, slots=True)
class Denotation:
    """A judge that knows the values."""

    values: Sequence[str]

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        if answer is None:
            return Verdict(False, "no answer")
        given = answered(answer)
        if same(self.values, given):
            return Verdict(True)
        return Verdict(False, f"expected {' | '.join(self.values)}, got {' | '.join(given)[:500]}")


def same(expected: Iterable[str], given: Iterable[str]) -> bool:
    """Whether these are the same values, in any order, each as often as one likes."""
    wanted, found = _distinct(map(read_value, expected)), _distinct(map(read_value, given))
    return len(wanted) == len(found) and all(any(one.meets(other) for other in found) for one in wanted)


def answered(answer: Answer) -> list[str]:
    """The values of an answer: a list of them, or a text that is one list, or values with bars between them."""
    value = answer.value
    if value is None or isinstance(value, str):
        text = answer.text.strip().strip("*`").strip()
        read = literals.read_value(text) if text[:1] in ("[", "(") else None
        value = read.value if read else None
        if not isinstance(value, list | tuple):
            return [part.strip() for part in text.split("|")]
    if isinstance(value, list | tuple):
        return [_written(item) for item in cast("Sequence[JSON]", value)]
    return [_written(value)]


def read_value(text: str) -> Value:
    """A value, from how it is written: a number where it is one, else a date, else its text."""
    plain = normalised(text)
    if (number := _number(text.strip().lower())) is not None:
        return Value(plain, number=number)
    date = _date(text.strip().lower())
    if date is not None and date[1:] == (-1, -1):  # a year alone is a number
        return Value(plain, number=float(date[0]))
    return Value(plain, date=date)


def normalised(text: str) -> str:
    """Without accents, notes, asides and quotes around it, in small letters, with plain quotes and dashes."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if unicodedata.category(one) != "Mn")
    bare = "".join(_ALIKE.get(one, one) for one in bare)
    before = None
    while bare != before:
        before = bare
        bare = _MARKS.sub("", bare.strip())
        bare = _ASIDES.sub("", bare.strip())
        bare = _QUOTED.sub(r"\1", bare.strip())
    return " ".join(bare.removesuffix(".").split()).lower()


def unescaped(text: str) -> str:
    r"""A value as the publisher's files write it: `\n` is a new line, `\p` a bar, `\\` a backslash."""
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "p": "|"}.get(found[1], found[1]), text)


def _written(item: JSON) -> str:
    """A list of rows with one column is a list of values: what queries give."""
    if isinstance(item, list | tuple) and len(cast("Sequence[JSON]", item)) == 1:
        return _written(cast("Sequence[JSON]", item)[0])
    return str(cast("object", item))


def _distinct(values: Iterable[Value]) -> list[Value]:
    """The publisher's set: a number by its amount, a date by its parts, all else by its text."""
    return list(
        {one.date or (one.text if one.number is None else round(one.number, 6)): one for one in values}.values()
    )


def _number(text: str) -> float | None:
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text) or not any(map(str.isdigit, text)) or text[0] == "e":
        return None
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str) -> tuple[int, int, int] | None:
    if not (found := _DATE.fullmatch(text)):
        return None
    year, month, day = (-1 if "x" in part else int(part) for part in found.groups())
    known = (month == -1 or 1 <= month <= 12) and (day == -1 or 1 <= day <= 31)
    return (year, month, day) if known and (year, month, day) != (-1, -1, -1) else None
