"""How hard a generated task is, and what a generator makes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from codeact.errors import UsageError
from codeact.tasks.answers import Expected
from codeact.tasks.base import Environment, Judge, workbench
from codeact.tools import ToolSource
from codeact.types import JSON

# So that every result fits into an observation: a task has to be solvable in every format.
MOST = {"calls": 48, "size": 30, "distractors": 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    calls: int = 4  # that the task takes, no more and no fewer
    branching: bool = False  # whether what is to be done depends on what is seen on the way
    size: int = 5  # rows, lines or letters of what a call gives, or is given
    distractors: int = 0  # tools that are of no use, beside those that are

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value, least = getattr(self, name), 0 if name == "distractors" else 1
            if not isinstance(value, int) or not least <= value <= most:
                raise UsageError(f"{name} of m3gen must be a whole number from {least} to {most}, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A generated task before it has an id, rules and distractors. `tools` makes them for each episode."""

    prompt: str
    program: str  # the oracle's
    open: Callable[[Sequence[ToolSource]], Callable[[str], AbstractAsyncContextManager[Environment]]]
    judge: Judge


Generate = Callable[[random.Random, Dial], Draft]


def draft(
    prompt: str, program: str, value: JSON, tools: Callable[[], Sequence[ToolSource]], tolerance: float = 0.0
) -> Draft:
    """A task in a world of tools alone, with a value to be found."""
    return Draft(
        prompt=prompt,
        program=program,
        open=lambda more: workbench(lambda actions: [*tools(), *more]),
        judge=Expected(value, tolerance),
    )
