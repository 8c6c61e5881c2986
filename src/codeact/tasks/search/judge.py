"""What an answer in words is worth: the paper's rule, that the reference is in it, less what that lets through."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeact.tasks.base import Environment, Verdict
from codeact.types import Answer

EXTRA_WORDS = 6  # that an answer may have around what was asked for

_WORD = re.compile(r"\d[\d,]*(?:\.\d+)?|\w+")
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Mentions:
    """Whole words of the reference, in their order, in an answer that is hardly longer; case and articles do not count.

    A number counts by its value, to the digits that the reference has, and an answer that names two of them names none.
    To `yes` or `no` the answer has to begin with it. `others` are what it must not mention: the ones not chosen.
    """

    reference: str
    others: frozenset[str] = frozenset()

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        if answer is None:
            return Verdict(False, "no answer")
        given, wanted = words(answer.text), words(self.reference)
        if reason := self._fault(given, wanted):
            return Verdict(False, f"expected {self.reference!r}, got {answer.text!r}: {reason}")
        return Verdict(True)

    def _fault(self, given: list[str], wanted: list[str]) -> str:
        if wanted in (["yes"], ["no"]):
            return "" if given[:1] == wanted else "it must begin with yes or no"
        if len(given) > len(wanted) + EXTRA_WORDS:
            return "too many words; the value alone was asked for"
        if len(wanted) == 1 and _is_number(wanted[0]):
            return _number_fault(wanted[0], {word for word in given if _is_number(word)})
        if not inside(wanted, given):
            return "it is not in the answer"
        rejected = next((other for other in sorted(self.others) if inside(words(other), given)), None)
        return f"it names {rejected!r} as well" if rejected else ""


def words(text: str) -> list[str]:
    """The words of a text as they are compared: numbers without thousands separators, no case, no articles."""
    found = (word.replace(",", "") if word[0].isdigit() else word for word in _WORD.findall(text.casefold()))
    return [word for word in found if word not in _ARTICLES]


def inside(wanted: list[str], given: list[str]) -> bool:
    """Whether these words stand in the others, in their order and side by side."""
    starts = range(len(given) - len(wanted) + 1)
    return bool(wanted) and any(given[start : start + len(wanted)] == wanted for start in starts)


def _number_fault(wanted: str, given: set[str]) -> str:
    if len({float(number) for number in given}) > 1:
        return "it names several numbers"
    digits = len(wanted.partition(".")[2])
    tolerance = 0.51 * 10.0**-digits if digits else 0.0
    near = any(abs(float(number) - float(wanted)) <= tolerance for number in given)
    return "" if near else "it is not that number"


def _is_number(word: str) -> bool:
    return word.isascii() and word.replace(".", "", 1).isdigit()
