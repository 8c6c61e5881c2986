"""Errands through functions of texts and numbers: what comes out of one goes into the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from codeact.tasks.errands.errand import Errand, answering, errand
from codeact.tasks.naming import words
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource

Kind = Literal["text", "number", "bits"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A tool that takes one value and gives one."""

    run: Callable[[Any], Any]
    takes: Kind
    gives: Kind
    wish: str  # what a person says who wants it done
    gist: str  # what its outcome is

    @property
    def name(self) -> str:
        return self.run.__name__


def drop_vowels(text: str) -> str:
    """The text without a, e, i, o and u."""
    return "".join(letter for letter in text if letter.lower() not in "aeiou")


def double_letters(text: str) -> str:
    """The text with every letter written twice."""
    return "".join(letter * (2 if letter.isalpha() else 1) for letter in text)


def sort_letters(text: str) -> str:
    """The letters of the text in alphabetical order, without blanks."""
    return "".join(sorted(text.replace(" ", "")))


def swap_ends(text: str) -> str:
    """The text with its first and last character exchanged."""
    return text if len(text) < 2 else text[-1] + text[1:-1] + text[0]


def every_second(text: str) -> str:
    """Every second character of the text, beginning with the first."""
    return text[::2]


def words_backwards(text: str) -> str:
    """The words of the text, last one first."""
    return " ".join(reversed(text.split()))


def initials(text: str) -> str:
    """The first letters of the words, written together."""
    return "".join(word[0] for word in text.split())


def count_vowels(text: str) -> int:
    """How many of the letters are a, e, i, o or u."""
    return sum(letter.lower() in "aeiou" for letter in text)


def letter_sum(text: str) -> int:
    """The places of its letters in the alphabet added up, a being 1."""
    return sum(ord(letter) - ord("a") + 1 for letter in text.lower() if letter.isalpha())


def repeated_letters(text: str) -> int:
    """How many different letters occur in the text more than once."""
    return sum(text.lower().count(letter) > 1 for letter in set(text.lower()) if letter.isalpha())


def digit_sum(number: int) -> int:
    """The digits of a whole number added up."""
    return sum(map(int, str(abs(number))))


def turn_digits(number: int) -> int:
    """The whole number with its digits in the opposite order."""
    return int(str(abs(number))[::-1])


def triangular(number: int) -> int:
    """1 + 2 + 3 and so on up to the number."""
    return number * (number + 1) // 2


def next_prime(number: int) -> int:
    """The smallest prime that is greater than the number."""
    candidate = max(number + 1, 2)
    while any(candidate % factor == 0 for factor in range(2, int(candidate**0.5) + 1)):
        candidate += 1
    return candidate


def count_divisors(number: int) -> int:
    """How many whole numbers divide it, 1 and itself among them."""
    return sum(number % divisor == 0 for divisor in range(1, number + 1))


def in_binary(number: int) -> str:
    """The number in binary digits."""
    return f"{number:b}"


def count_ones(digits: str) -> int:
    """How often the character 1 occurs."""
    return digits.count("1")


OPERATIONS = (
    Operation(drop_vowels, "text", "text", "leave its vowels out", "the text without vowels"),
    Operation(double_letters, "text", "text", "write every letter twice", "the text with doubled letters"),
    Operation(sort_letters, "text", "text", "put its letters in alphabetical order", "the sorted letters"),
    Operation(swap_ends, "text", "text", "exchange its first and last character", "the text with its ends exchanged"),
    Operation(every_second, "text", "text", "keep only every second character", "every second character"),
    Operation(words_backwards, "text", "text", "turn the order of its words round", "the words in their new order"),
    Operation(initials, "text", "text", "take the initials of its words", "the initials"),
    Operation(count_vowels, "text", "number", "count the vowels", "the number of vowels"),
    Operation(
        letter_sum, "text", "number", "add up the places of its letters in the alphabet", "the sum of the letters"
    ),
    Operation(
        repeated_letters, "text", "number", "count the letters that occur more than once", "how many letters repeat"
    ),
    Operation(digit_sum, "number", "number", "add up the digits", "the sum of the digits"),
    Operation(turn_digits, "number", "number", "turn the order of the digits round", "the turned number"),
    Operation(triangular, "number", "number", "take the triangular number of that", "the triangular number"),
    Operation(next_prime, "number", "number", "take the next prime after it", "the next prime"),
    Operation(count_divisors, "number", "number", "count its divisors", "the number of divisors"),
    Operation(in_binary, "number", "bits", "write it in binary", "the binary digits"),
    Operation(count_ones, "bits", "number", "count the ones in it", "the number of ones"),
)
MOST = 1_000_000  # that a function is given: some count up to it
_ORDINALS = ("First", "Then", "After that", "Next", "At last")
_PLANS = (
    "{count} steps, each on the outcome of the one before.",
    "I need {names}, in this order.",
    "There is a function for each step: {names}.",
    "The functions do the work; I only pass the values on: {names}.",
)


def chain(rng: Random) -> Errand:
    """One value through some functions. The expert makes a step an action, or all steps in one and looks at each."""
    start, path = _path(rng, rng.randint(2, 4), rng.choice(("text", "number")))
    values = _outcomes(path, start)
    asked = " ".join(f"{_ORDINALS[min(place, 4)]}, {step.wish}." for place, step in enumerate(path))
    prompt = (
        f"Take {_shown(start)}. {asked} {rng.choice(('What comes out?', 'What is the outcome?', 'What do you get?'))}"
    )
    cells = (_step_by_step if rng.random() < 0.5 else _in_one_go)(rng, start, path)
    return errand(prompt, values[-1], cells, _offered(rng, path))


def _step_by_step(rng: Random, start: object, path: Sequence[Operation]) -> list[Cell]:
    names = _names(path)
    cells = [Cell(f"{names[0]} = {path[0].name}({start!r})\nprint({names[0]})", _plan(rng, path))]
    for place, step in enumerate(path[1:], 1):
        thought = rng.choice(
            (
                f"That is {path[place - 1].gist}. Now {step.wish}: {step.name}.",
                f"Good, {path[place - 1].gist}. The next step is to {step.wish}.",
                f"Next I {step.wish}, with {step.name}.",
            )
        )
        cells.append(Cell(f"{names[place]} = {step.name}({names[place - 1]})\nprint({names[place]})", thought))
    return [*cells, answering(rng, names[-1])]


def _in_one_go(rng: Random, start: object, path: Sequence[Operation]) -> list[Cell]:
    names = _names(path)
    lines: list[str] = []
    for place, step in enumerate(path):
        given = repr(start) if place == 0 else names[place - 1]
        lines += [f"{names[place]} = {step.name}({given})", f'print("{names[place]}:", {names[place]})']
    return [Cell("\n".join(lines), _plan(rng, path)), answering(rng, names[-1])]


def each(rng: Random) -> Errand:
    """Several values through the same functions: all outcomes, their sum, or which has the greatest or smallest."""
    kind: Kind = rng.choice(("text", "number"))
    start, path = _path(rng, rng.randint(1, 3), kind, ends="number")
    starts = list(dict.fromkeys([start, *(_start(rng, kind) for _ in range(rng.randint(2, 4)))]))
    outcomes = {one: _outcomes(path, one)[-1] for one in starts}
    asked, line, name, value = rng.choice(
        (
            ("Which of them gives the greatest number? If several do, take the first.",
             "best = max(outcomes, key=outcomes.get)", "best", max(outcomes, key=lambda one: outcomes[one])),
            ("Which of them gives the smallest number? If several do, take the first.",
             "best = min(outcomes, key=outcomes.get)", "best", min(outcomes, key=lambda one: outcomes[one])),
            ("What is the sum of the numbers that come out?",
             "total = sum(outcomes.values())", "total", sum(outcomes.values())),
            ("Answer with the list of the numbers that come out, in this order.",
             "numbers = list(outcomes.values())", "numbers", list(outcomes.values())),
            ("How far are the greatest and the smallest of the numbers that come out apart?",
             "spread = max(outcomes.values()) - min(outcomes.values())", "spread",
             max(outcomes.values()) - min(outcomes.values())),
        )
    )  # fmt: skip
    nested = "one"
    for step in path:
        nested = f"{step.name}({nested})"
    listed = ", ".join(map(_bare, starts[:-1])) + f" and {_bare(starts[-1])}"
    prompt = f"Do this with each of {listed}: {', then '.join(step.wish for step in path)}. {asked}"
    loop = f"outcomes = {{}}\nfor one in {starts!r}:\n    outcomes[one] = {nested}\nprint(outcomes)"
    cells = [
        Cell(loop, rng.choice(_LOOPS).format(names=" and then ".join(step.name for step in path))),
        Cell(f"{line}\nprint({name})", rng.choice(_PICKS)),
        answering(rng, name),
    ]
    return errand(prompt, value, cells, _offered(rng, path))


def until(rng: Random) -> Errand:
    """A function again and again, until what comes out is small enough."""
    again = rng.choice((digit_sum, count_divisors))
    limit = 10 if again is digit_sum else 3
    number = rng.randint(10_000, 99_999_999) if again is digit_sum else rng.randint(200, 5000)
    wish = "add up the digits" if again is digit_sum else "take the number of divisors"
    count, last = 0, number
    while last >= limit:
        last, count = again(last), count + 1
    ask_count = rng.random() < 0.5
    question = "How many times did you do it?" if ask_count else "Which number is left?"
    code = f"""\
number = {number}
times = 0
while number >= {limit}:
    number = {again.__name__}(number)
    times += 1
    print(times, number)"""
    path = [step for step in OPERATIONS if step.run is again]
    cells = [
        Cell(code, f"I call {again.__name__} in a loop while the number is {limit} or more, and print each outcome."),
        answering(rng, "times" if ask_count else "number"),
    ]
    prompt = f"Begin with {number}. As long as the number is {limit} or more, {wish} and go on with that. {question}"
    return errand(prompt, count if ask_count else last, cells, _offered(rng, path))


_LOOPS = (
    "The same for each of them, so a loop: {names}. I print all outcomes.",
    "I go through them in a loop with {names}, and keep what comes out of each.",
    "One loop does it: {names} for each value.",
)
_PICKS = (
    "I have all outcomes now; the rest is plain Python.",
    "All outcomes are there. From them I compute what was asked.",
    "Now I take what was asked for from these outcomes.",
)


def _path(rng: Random, steps: int, kind: Kind, ends: Kind | None = None) -> tuple[Any, list[Operation]]:
    """A value, and operations that fit together: no two alike, and none that is given too large a number."""
    while True:
        start = _start(rng, kind)
        path: list[Operation] = []
        while len(path) < steps:
            takes = path[-1].gives if path else kind
            fitting = [step for step in OPERATIONS if step.takes == takes and step not in path]
            if not fitting:
                break
            path.append(rng.choice(fitting))
        values = _outcomes(path, start) if len(path) == steps and ends in (None, path[-1].gives) else []
        if values and all(value != "" and (not isinstance(value, int) or value < MOST) for value in values):
            return start, path


def _outcomes(path: Sequence[Operation], start: object) -> list[Any]:
    values: list[Any] = []
    for step in path:
        start = step.run(start)
        values.append(start)
    return values


def _start(rng: Random, kind: Kind) -> Any:
    return (
        rng.randint(12, 9999)
        if kind == "number"
        else " ".join(words(rng, rng.randint(1, 4), rng.randint(4, 8))).lower()
    )


def _offered(rng: Random, path: Sequence[Operation]) -> Callable[[], Sequence[ToolSource]]:
    """What is needed, and some of no use, in no telling order."""
    rest = [step for step in OPERATIONS if step not in path]
    tools: list[ToolSource] = [step.run for step in [*path, *rng.sample(rest, rng.randint(2, 5))]]
    rng.shuffle(tools)
    return lambda: tools


def _names(path: Sequence[Operation]) -> list[str]:
    """A variable for each outcome."""
    return [f"step{place}" for place in range(1, len(path) + 1)]


def _plan(rng: Random, path: Sequence[Operation]) -> str:
    names = ", ".join(step.name for step in path)
    return rng.choice(_PLANS).format(count={2: "Two", 3: "Three", 4: "Four"}.get(len(path), len(path)), names=names)


def _shown(start: object) -> str:
    return f"the text {_bare(start)}" if isinstance(start, str) else f"the number {start}"


def _bare(start: object) -> str:
    return f'"{start}"' if isinstance(start, str) else str(start)
