"""A generated problem: its words, its value reached in two ways, and how an expert works it out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from codeact.tasks.oracle import Cell, Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`value` and `again` are of the same number, by ways that share no step: a formula and a count, say."""

    text: str
    value: Fraction | float
    again: Fraction | float
    solve: str  # code that leaves `answer`
    check: str  # code that finds it another way, and leaves whether both agree in `agree`
    plan: str  # the thought before the first
    doubt: str  # and before the second
    written: str = ""  # the answer in LaTeX, where the value's own notation does not say it

    @property
    def answer(self) -> str:
        return self.written or latex(self.value)

    @property
    def holds(self) -> bool:
        """Whether the two ways agree: exactly, unless there are roots in it."""
        return self.value == self.again or (
            isinstance(self.value, float) and math.isclose(self.value, self.again, rel_tol=1e-9)
        )


Generate = Callable[[Random, int], Problem]  # of a level from 1 to 3


def expert(rng: Random, problem: Problem) -> Cells:
    """Compute, check another way, answer: in a last action, or in words after the check."""
    first = Cell(f"{problem.solve}\nprint(answer)", problem.plan)
    if rng.random() < 0.5:
        second = Cell(f"{problem.check}\nprint(agree)", problem.doubt)
        return Cells([first, second, Cell("final_answer(str(answer))", "Both ways agree, so this is the answer.")])
    second = Cell(f"{problem.check}\nassert agree\nprint(answer)", problem.doubt)
    return Cells([first, second], rng.choice(("{}", "The answer is {}.")))


def latex(value: Fraction | float) -> str:
    """A whole number or a fraction as a textbook writes it."""
    exact = Fraction(value)
    if exact.denominator == 1:
        return str(exact.numerator)
    sign = "-" if exact < 0 else ""
    return f"{sign}\\frac{{{abs(exact.numerator)}}}{{{exact.denominator}}}"


def total(factors: Sequence[int], names: Sequence[str], times: str = "") -> str:
    """A sum such as `3x - y + 4`: `times` stands between factor and name, and where the name is empty there is none."""
    written = ""
    for factor, name in zip(factors, names, strict=True):
        if factor == 0:
            continue
        size = abs(factor)
        term = str(size) if not name else name if size == 1 else f"{size}{times}{name}"
        sign = ("-" if factor < 0 else "") if not written else (" - " if factor < 0 else " + ")
        written += sign + term
    return written or "0"


def powers(name: str, degree: int, hat: str = "^") -> list[str]:
    """The names of a polynomial's terms, from the highest."""
    return [name + (f"{hat}{power}" if power > 1 else "") if power else "" for power in range(degree, -1, -1)]


def nonzero(rng: Random, most: int) -> int:
    return rng.choice([number for number in range(-most, most + 1) if number])
