"""What a family of generated problems gives: a statement, a program, inputs. How its values look as a program's input and
output is the same for all, so that each problem can be asked for as a function and as a program that reads and writes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any, Literal

Kind = Literal["int", "str", "bool", "list[int]", "list[str]", "list[list[int]]"]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: Kind
    meaning: str  # "the text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One problem. The first inputs are shown as examples."""

    name: str  # of the function
    parameters: Sequence[Parameter]
    returns: Kind
    story: str  # what to give, in whole sentences
    idea: str  # what somebody thinks who knows how to do it
    source: str  # a whole function
    inputs: Sequence[tuple[Any, ...]]

    @property
    def signature(self) -> str:
        taken = ", ".join(f"{each.name}: {each.kind}" for each in self.parameters)
        return f"{self.name}({taken}) -> {self.returns}"


Family = Callable[[random.Random], Draft]

READING: Mapping[Kind, str] = {
    "int": "int(input())",
    "str": "input()",
    "bool": 'input() == "yes"',
    "list[int]": "[int(part) for part in input().split()]",
    "list[str]": "[input() for _ in range(int(input()))]",
    "list[list[int]]": "[[int(part) for part in input().split()] for _ in range(int(input()))]",
}
WRITING: Mapping[Kind, str] = {
    "int": "print({})",
    "str": "print({})",
    "bool": 'print("yes" if {} else "no")',
    "list[int]": "print(*{})",
    "list[str]": "print(*{}, sep='\\n')",
    "list[list[int]]": "for row in {}:\n    print(*row)",
}
LAID_OUT: Mapping[Kind, str] = {
    "int": "a line with {}",
    "str": "a line with {}",
    "bool": "a line with yes or no: {}",
    "list[int]": "a line with {}, separated by blanks (it may be empty)",
    "list[str]": "a line with a number n, and n lines with {}, one on each",
    "list[list[int]]": "a line with a number n, and n lines with {}, one on each, its numbers separated by blanks",
}
GIVEN_OUT: Mapping[Kind, str] = {
    "int": "the number",
    "str": "the text",
    "bool": "yes or no",
    "list[int]": "the numbers on one line, separated by blanks",
    "list[str]": "each text on a line of its own",
    "list[list[int]]": "each row on a line of its own, its numbers separated by blanks",
}


def lines_of(value: Any, kind: Kind) -> list[str]:
    """A value as lines of a program's input or output; lists of lists and of texts without the number before them."""
    match kind:
        case "int" | "str":
            return [str(value)]
        case "bool":
            return ["yes" if value else "no"]
        case "list[int]":
            return [" ".join(map(str, value))]
        case "list[str]":
            return list(value)
        case "list[list[int]]":
            return [" ".join(map(str, row)) for row in value]


def stdin_of(draft: Draft, values: Sequence[Any]) -> str:
    lines: list[str] = []
    for each, value in zip(draft.parameters, values, strict=True):
        counted = each.kind in ("list[str]", "list[list[int]]")
        lines += [str(len(value))] if counted else []
        lines += lines_of(value, each.kind)
    return "\n".join(lines) + "\n"


def program_of(draft: Draft) -> str:
    """The function as a program that reads its arguments and writes its value."""
    reading = "\n".join(f"{each.name} = {READING[each.kind]}" for each in draft.parameters)
    called = f"{draft.name}({', '.join(each.name for each in draft.parameters)})"
    return f"{draft.source}\n\n\n{reading}\n{WRITING[draft.returns].format(called)}"


def one_of(rng: random.Random, questions: Sequence[tuple[Kind, str, str]]) -> tuple[Kind, str, str]:
    """What is asked for: its kind, how that is said, and the expression that gives it."""
    return rng.choice(questions)


def filled(template: str, **values: object) -> str:
    """A template with its `$names` filled in."""
    return Template(template.strip("\n")).substitute({name: str(value) for name, value in values.items()})


def words(rng: random.Random, count: int, shortest: int = 2, longest: int = 8) -> list[str]:
    """Made-up words that can be spoken."""
    return [_word(rng, rng.randint(shortest, longest)) for _ in range(count)]


def _word(rng: random.Random, length: int) -> str:
    turn = rng.randrange(2)
    return "".join(rng.choice(("bdfgklmnprst", "aeiou")[(place + turn) % 2]) for place in range(length))
