"""What a generator of errands makes, with its expert's actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random
from types import UnionType

from codeact.tasks.answers import Expected
from codeact.tasks.base import Environment, workbench
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource
from codeact.types import JSON

Open = Callable[[str], AbstractAsyncContextManager[Environment]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A task before it has an id and rules."""

    prompt: str
    cells: Sequence[Cell]  # the expert's, the last of which answers
    open: Open
    judge: Expected


Generate = Callable[[Random], Errand]


def errand(
    prompt: str, value: JSON, cells: Sequence[Cell], tools: Callable[[], Sequence[ToolSource]], tolerance: float = 0.0
) -> Errand:
    """An errand in a world of tools alone; `tools` makes them for each episode."""
    return Errand(
        prompt=prompt,
        cells=cells,
        open=workbench(lambda actions: tools()),
        judge=Expected(value, tolerance),
    )


def check_kind(values: Iterable[object], kind: type | UnionType, rule: str) -> None:
    """For tools that say which kind of value they take.

    Raises:
        TypeError: one of the values is of another.
    """
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{rule}, not {value!r}")


def answering(rng: Random, name: str) -> Cell:
    """The last action, once the value of a variable has been seen."""
    return Cell(
        f"final_answer({name})",
        rng.choice(
            (
                "That is what was asked for.",
                f"The output shows it: `{name}` is the answer.",
                "Everything is done, and the output looks right. I hand the value in.",
                f"This answers the question, so I give `{name}` as it is.",
            )
        ),
    )
