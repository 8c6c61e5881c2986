"""The original's checkers, as they behave, found by asking which rules give the verdicts of its published trajectories.

`Contained` (gsm8k, math, hotpotqa): within 5 % of the reference where both are numbers, so that no negative reference
can be met; else the reference has to be *in* the answer. `Lettered` (mmlu): the letter has to be in the answer, so that
`5831 seconds` is D; an answer in which `A)` stands is A. `Theorem` (theoremqa): by type, lists in any order, floats
within 4 %.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from codeact.actions import literals
from codeact.tasks.base import Environment, Verdict
from codeact.types import JSON, Answer

_OPTION = re.compile(r"([A-Z]) \) (.*?)(?=, [A-Z] \) |\Z)", re.DOTALL)
_A = re.compile(r"\ba ?\)")
_TRUTH = re.compile(r"\b(true|false)\b")
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?)(?:/(\d+))?\s*[^\W\d]*")
_LETTER = re.compile(r"\b([a-z]) ?\)")


@dataclass(frozen=True, slots=True)
class Contained:
    reference: str

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        return _verdict(answer, self.reference, lambda text: _near_or_in(self.reference.strip().lower(), text))


@dataclass(frozen=True, slots=True)
class Lettered:
    letter: str  # lower case
    options: Mapping[str, str]  # by letter, lower case

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        return _verdict(answer, self.letter, self._right)

    def _right(self, text: str) -> bool:
        if _A.search(text):
            return self.letter == "a"
        if self.letter in text:
            return True
        others = (option for letter, option in self.options.items() if letter != self.letter)
        return self.options[self.letter] in text and not any(option in text for option in others)


@dataclass(frozen=True, slots=True)
class Theorem:
    reference: JSON

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        return _verdict(answer, self.reference, lambda text: _is(self.reference, text))


def options_of(prompt: str) -> dict[str, str]:
    """The options of a question, by letter, as the original reads them: cut at a closing bracket."""
    listed = prompt.rpartition("Options: ")[2].lower()
    found = _OPTION.findall(re.sub(r"\b([a-e]) \) ", lambda letter: letter[0].upper(), listed))
    return {letter.lower(): re.split(r"[)\]]", text)[0].strip(" .") for letter, text in found}


def _verdict(answer: Answer | None, reference: JSON, right: Callable[[str], bool]) -> Verdict:
    if answer is None:
        return Verdict(False, "no answer")
    if right(answer.text.lower().strip()):
        return Verdict(True)
    return Verdict(False, f"expected {reference!r}, got {answer.text!r}")


def _near_or_in(reference: str, text: str) -> bool:
    try:
        return abs(float(reference) - float(text)) <= 0.05 * float(reference)
    except (ValueError, OverflowError):
        return reference in text


def _is(reference: JSON, text: str) -> bool:
    match reference:
        case bool():
            words = _TRUTH.findall(text)
            return bool(words) and words[0] == str(reference).lower()
        case str():
            letter = reference.strip("() ").lower()
            return text == letter or set(_LETTER.findall(text)) == {letter}
        case int() | float():
            given = _number_in(text)
            return given is not None and _same(reference, given)
        case list():
            return _same_list(cast("list[float]", reference), text)
        case _:
            return False


def _number_in(text: str) -> float | None:
    """The number that a text is, as a fraction too; one word after it is its unit."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    return float(found[1]) / (float(found[2] or 1) or math.nan)


def _same(reference: float, given: float) -> bool:
    if isinstance(reference, int):
        return math.isfinite(given) and round(given) == reference
    return abs(given - reference) <= 0.04 * abs(reference)


def _same_list(reference: list[float], text: str) -> bool:
    found = literals.read_value(text)
    items = cast("object", found.value) if found else None
    given = (
        [item for item in cast("list[JSON]", items) if isinstance(item, int | float)] if isinstance(items, list) else []
    )
    return len(given) == len(reference) and all(map(_same, sorted(reference), sorted(given)))
