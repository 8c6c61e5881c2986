"""Judging an answer in words: what it has to tell is in it, and it is no list of guesses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeact.tasks.base import Environment, Verdict
from codeact.types import Answer

_NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d{1,2})?", re.ASCII)
BESIDE = 6  # numbers that an answer may tell besides those that are asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A judge of sentences. Each number has to be among those of the answer, to a relative `tolerance` or half of the
    last digit that it is told to; and of all names that could be the right one, the right one has to come first.
    """

    numbers: Sequence[float]
    name: str = ""
    names: Sequence[str] = ()  # that could be it
    tolerance: float = 0.005

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        if answer is None:
            return Verdict(False, "no answer")
        told = _NUMBER.findall(answer.text)
        if len(told) > len(self.numbers) + BESIDE:
            return Verdict(
                False, f"tells {len(told)} numbers, which is no answer to a question for {len(self.numbers)}"
            )
        for number in self.numbers:
            if not any(self._is(number, text) for text in told):
                return Verdict(False, f"does not tell {number:.6g}")
        first = min((name for name in self.names if name in answer.text), key=answer.text.index, default="")
        if self.name and first != self.name:
            return Verdict(False, f"does not name {self.name!r} first")
        return Verdict(True)

    def _is(self, number: float, text: str) -> bool:
        plain = text.replace(",", "").replace("−", "-")
        rounding = 0.5 * 10.0 ** -len(plain.partition(".")[2]) if "e" not in plain.lower() and "." in plain else 0.0
        return abs(float(plain) - number) <= max(self.tolerance * abs(number), rounding) + 1e-9
