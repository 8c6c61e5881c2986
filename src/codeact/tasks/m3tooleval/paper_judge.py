"""The original's checker, as it behaves.

An answer passes if it equals the expected value after both were made `int`, or both `float`; or if the text of what it
reads as in Python is the text of the expected value. So a float's integer part passes, `0` passes for False, and a
rounded number, a list without brackets or of integers, `$68.71`, `8,100` and another order of a dictionary do not.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from codeact.tasks.base import Environment, Verdict
from codeact.types import JSON, Answer


@dataclass(frozen=True, slots=True)
class PaperJudge:
    value: JSON

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        if answer is None:
            return Verdict(False, "no answer")
        text = answer.text.strip()
        if any(_equal_as(number, text, self.value) for number in (int, float)) or _text_of(text) == str(self.value):
            return Verdict(True)
        return Verdict(False, f"expected {self.value!r}, got {text!r}")


def _equal_as(number: type[int] | type[float], text: str, expected: JSON) -> bool:
    try:
        return number(text) == number(expected)
    except (ValueError, TypeError, OverflowError):
        return False


def _text_of(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
