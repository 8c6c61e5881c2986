"""Judging an answer by a value of a known type: strict about the value, lenient about how it is written.

Lenient: currency signs, thousands separators, quotes, Markdown marks, a final period, "The answer is", a list without
its brackets, JSON's `true`, an integer where a float was expected. Strict: the type, every element and its place, and a
number up to the tolerance. Nothing is searched for inside a sentence, because then a list of guesses would win.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from codeact.actions import literals
from codeact.tasks.base import Environment, Verdict
from codeact.types import JSON, Answer

CENTS = 0.005  # what rounding to two decimals may change
LONGEST = 100  # characters of a number

_LEAD = re.compile(r"\A(?:the\s+)?(?:final\s+)?answer(?:\s+is)?\s*[:=]?\s+|\Aanswer:\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_UNIT = re.compile(r"\A(?:USD|EUR|[$€£¥])\s*|\s*(?:USD|EUR|[$€£¥]|credits?|dollars?)\Z", re.IGNORECASE)
_WRAPPED = re.compile(r"\A(\*\*|__|`{1,3}|\"|')(.+)\1\Z", re.DOTALL)
_NUMPY = re.compile(r"\Anp\.\w+\((.*)\)\Z", re.DOTALL)  # how NumPy's scalars show themselves
_YES, _NO = frozenset({"true", "yes"}), frozenset({"false", "no"})
_BETWEEN = re.compile(r",\s+|;\s*|\n+")  # items of a list without brackets; a comma alone may be a thousands separator
_BREATHLESS = re.compile(r",\s*")

NOTHING = object()  # what no value is equal to: the text could not be read as the type


@dataclass(frozen=True, slots=True)
class Expected:
    """A judge that knows the right value. `tolerance` is absolute, for each number in it."""

    value: JSON
    tolerance: float = 0.0
    any_case: bool = False  # whether letters may be upper or lower case

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        if answer is None:
            return Verdict(False, "no answer")
        textual = isinstance(answer.value, str) or isinstance(
            self.value, str
        )  # 0042 may come as a number: see its text
        as_given = answer.value is not None and not textual
        given = answer.value if as_given else self._read(answer.text, self.value)
        if self._same(self.value, given):
            return Verdict(True)
        return Verdict(False, f"expected {self.value!r}, got {(answer.value if as_given else answer.text)!r}")

    def _same(self, expected: JSON, given: JSON) -> bool:
        match expected:
            case bool():
                return isinstance(given, bool) and given is expected
            case int() | float():
                return _is_number(given) and self._close(expected, given)
            case str():
                return isinstance(given, str) and self._folded(given) == self._folded(expected)
            case Mapping():
                mine = cast("Mapping[Any, Any]", expected)
                keys_agree = isinstance(given, Mapping) and cast("Mapping[Any, Any]", given).keys() == mine.keys()
                return keys_agree and all(self._same(mine[key], given[key]) for key in mine)
            case Sequence():
                mine = cast("Sequence[Any]", expected)
                alike = isinstance(given, list | tuple) and len(cast("Sequence[Any]", given)) == len(mine)
                return alike and all(map(self._same, mine, cast("Sequence[Any]", given)))
            case _:
                return False

    def _close(self, expected: float, given: float) -> bool:
        try:
            return abs(expected - given) <= self.tolerance + 1e-9 * max(1.0, abs(expected))
        except OverflowError:  # an integer beyond all floats
            return False

    def _folded(self, text: str) -> str:
        plain = " ".join(_unwrapped(text).split())
        return plain.casefold() if self.any_case else plain

    def _read(self, text: str, like: JSON) -> JSON:
        """The value that a text states, read as the type of `like`; `NOTHING` where it is none."""
        text = _unwrapped(_LEAD.sub("", text.strip()))
        match like:
            case bool():
                word = text.casefold()
                return word in _YES if word in _YES | _NO else NOTHING
            case int() | float():
                return read_number(text)
            case str():
                return text
            case Mapping():
                return self._read_pairs(text, cast("Mapping[Any, Any]", like))
            case Sequence():
                return self._read_items(text, cast("Sequence[Any]", like))
            case _:
                return NOTHING

    def _read_items(self, text: str, like: Sequence[Any]) -> JSON:
        found = _literal(text)
        if isinstance(found, list | tuple):
            return cast("JSON", found)
        inner = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
        for separator in (_BETWEEN, _BREATHLESS):
            pieces = separator.split(inner)
            if len(pieces) == len(like):
                return [self._read(piece, item) for piece, item in zip(pieces, like, strict=True)]
        return NOTHING

    def _read_pairs(self, text: str, like: Mapping[Any, Any]) -> JSON:
        found = _literal(text)
        if isinstance(found, dict):
            return cast("JSON", found)
        inner = text[1:-1] if text[:1] + text[-1:] == "{}" else text
        pairs = [piece.partition(":") for piece in _BREATHLESS.split(inner)]
        named = {_unwrapped(key.strip()): value for key, _, value in pairs}
        if len(named) != len(pairs) or named.keys() != like.keys():
            return NOTHING
        return {key: self._read(value, like[key]) for key, value in named.items()}


def reached(answer: Answer | None, environment: Environment) -> Verdict:
    """A judge that goes by the environment's own signal."""
    if environment.succeeded:
        return Verdict(True)
    return Verdict(False, "the environment's goal was not reached")


def read_number(text: str) -> JSON:
    """The number that is the whole of a text, a currency sign and thousands separators allowed; else `NOTHING`."""
    bare = _UNIT.sub("", _UNIT.sub("", text, count=1), count=1)
    if len(bare) > LONGEST or not _NUMBER.fullmatch(bare) or not any(map(str.isdigit, bare)):
        return NOTHING
    plain = bare.replace(",", "").replace("−", "-")
    return int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain)


def _literal(text: str) -> JSON:
    """A list, tuple or dictionary written with its brackets; `NOTHING` for all else."""
    found = literals.read_value(text) if text[:1] in ("[", "(", "{") else None
    return found.value if found else NOTHING


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unwrapped(text: str) -> str:
    """A text without quotes, Markdown marks, NumPy's wrapping and a final period around it."""
    before = None
    while text != before:
        before = text = text.strip()
        for pattern in (_WRAPPED, _NUMPY):
            if found := pattern.match(text):
                text = found[found.lastindex or 1]
        text = text.removesuffix(".") if not text.endswith("..") else text
    return text
