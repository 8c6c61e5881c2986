"""Typed judges: what an answer is worth by the type of what was asked for, where the original looks for substrings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from codeact.tasks.answers import Expected
from codeact.tasks.base import Environment, Judge, Verdict
from codeact.types import JSON, Answer

EXTRA_WORDS = 5  # that a short answer may have around what was asked for

_OPTION = re.compile(r"([A-Z]) \) (.*?)(?: , (?=[A-Z] \) )|\Z)", re.DOTALL | re.IGNORECASE)
_LETTER = re.compile(r"\(?([a-e])(?: *[).:].*)?", re.DOTALL | re.IGNORECASE)
_LISTED = re.compile(r"\b([a-e]) ?\)", re.IGNORECASE)
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of the reference, in their order, in an answer that is hardly longer; case and articles do not count.

    To `yes` or `no`, the answer has to begin with it.
    """

    reference: str

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        given, wanted = _words(answer.text if answer else ""), _words(self.reference)
        if wanted in (["yes"], ["no"]):
            return _verdict(given[:1] == wanted, self.reference, answer)
        starts = range(len(given) - len(wanted) + 1)
        inside = any(given[start : start + len(wanted)] == wanted for start in starts)
        return _verdict(inside and len(given) <= len(wanted) + EXTRA_WORDS, self.reference, answer)


@dataclass(frozen=True, slots=True)
class Choice:
    """A letter, alone or before its option, or the whole text of its option."""

    letter: str  # lower case
    options: Mapping[str, str]  # by letter

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        text = answer.text.strip(" \n.*$`\"'") if answer else ""
        named = [letter for letter, option in self.options.items() if _words(option) == _words(text)]
        letter = _LETTER.fullmatch(text)
        chosen = named or ([letter[1].lower()] if letter else [])
        listed = set(map(str.lower, _LISTED.findall(text)))  # who lists several has not chosen
        return _verdict(chosen == [self.letter] and listed <= {self.letter}, self.letter, answer)


def rounded(reference: float) -> Judge:
    """A whole number exactly, any other to the digits that the reference has."""
    digits = len(f"{reference:g}".partition(".")[2])
    return Expected(reference, 0.51 * 10.0**-digits if digits else 0.0)


def theorem(reference: JSON) -> Judge:
    """TheoremQA's own measure: floats within 4 %, all else exactly."""
    match reference:
        case float():
            return Expected(reference, abs(reference) * 0.04)
        case str():
            letter = reference.strip("() ").lower()
            return Choice(letter, {})
        case _:
            return Expected(reference)


def options_of(prompt: str) -> dict[str, str]:
    """The options of a question, by letter."""
    return {letter.lower(): text.strip() for letter, text in _OPTION.findall(prompt.rpartition("Options: ")[2])}


def _words(text: str) -> list[str]:
    words = re.sub(r"[^\w\s%+−$\\^*/().,-]", "", text.casefold()).split()
    bare = (word.strip(".,()") or word for word in words)
    return [word for word in bare if word not in _ARTICLES]


def _verdict(right: bool, reference: str, answer: Answer | None) -> Verdict:
    if right:
        return Verdict(True)
    return Verdict(False, f"expected {reference!r}, got {answer.text!r}" if answer else "no answer")
