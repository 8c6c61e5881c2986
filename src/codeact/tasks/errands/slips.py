"""Slips: what a beginner does wrong on the way, and the way out of it.

A slip is an action that fails, put before an expert's own one, whose thought then begins with what was wrong. Trained
on with `--context-only erred`, a model reads the slip and learns the way out alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from codeact.tasks.oracle import Cell

Slip = Callable[[Random], tuple[Cell, Sequence[str]]]  # the failing action, and what may be said after it


def _missing_file(rng: Random) -> tuple[Cell, Sequence[str]]:
    name = rng.choice(("data", "input", "numbers", "task", "values", "text")) + rng.choice((".txt", ".csv", ".json"))
    return Cell(f'data = open("{name}").read()\nprint(data)', f"I read the data from {name}."), (
        f"There is no file {name}, and the task names none. What I need is in the task, or comes from the functions.",
        "No such file: nothing here comes from files. I work with what the task says.",
        f"I made {name} up. The task and the functions are all there is.",
    )


def _missing_name(rng: Random) -> tuple[Cell, Sequence[str]]:
    name = rng.choice(("result", "values", "items", "answer", "output", "records"))
    return Cell(f"print({name})", "I look at what I have."), (
        f"Nothing was ever kept as {name}. I have to compute it first.",
        f"{name} does not exist yet, so I make the step that was skipped.",
        f"I used {name} before I had it. One step at a time.",
    )


def _missing_function(rng: Random) -> tuple[Cell, Sequence[str]]:
    name = rng.choice(("get_data", "solve", "calculate", "find_answer", "fetch", "lookup_value"))
    return Cell(f"outcome = {name}()\nprint(outcome)", f"I call {name}."), (
        f"There is no function {name}. I use those that are listed, as their signatures say.",
        f"{name} was not among the given functions; I keep to these.",
    )


def _missing_module(rng: Random) -> tuple[Cell, Sequence[str]]:
    name = rng.choice(("tools", "helpers", "functions", "api", "utils"))
    return Cell(f"from {name} import *\nprint(dir())", f"I import the functions from {name}."), (
        "The functions need no import: they are there already.",
        f"There is no module {name}, and none is needed. I call the functions directly.",
    )


SLIPS: Sequence[Slip] = (_missing_file, _missing_name, _missing_function, _missing_module)
_TWICE = (
    "The same again cannot help. ",
    "That failed twice in the same way, so I do something else. ",
    "Repeating it changes nothing. ",
)


def with_slip(rng: Random, cells: Sequence[Cell], *, often: float = 0.35) -> Sequence[Cell]:
    """Now and then a slip before one of the actions, sometimes made twice."""
    if rng.random() >= often:
        return cells
    place = 0 if rng.random() < 0.6 else rng.randrange(len(cells) - 1)  # never before the answer
    slip, remarks = rng.choice(SLIPS)(rng)
    twice = rng.random() < 0.35
    own = cells[place]
    thought = f"{rng.choice(_TWICE) if twice else ''}{rng.choice(remarks)} {own.thought}"
    return [*cells[:place], *[slip] * (2 if twice else 1), replace(own, thought=thought), *cells[place + 1 :]]
