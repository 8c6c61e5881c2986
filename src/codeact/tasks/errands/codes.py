"""Errands of undoing: what was done to a word comes off again in the opposite order, for one word or for several."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from codeact.tasks.errands.errand import Errand, answering, check_kind, errand
from codeact.tasks.naming import words
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource
from codeact.types import JSON


def rotate_left(text: str, places: int) -> str:
    """The text with its first `places` characters moved to its end."""
    places %= len(text) or 1
    return text[places:] + text[:places]


def swap_pairs(text: str) -> str:
    """The text with the characters of each pair exchanged: 1 and 2, 3 and 4, and so on."""
    return "".join(text[place : place + 2][::-1] for place in range(0, len(text), 2))


def drop_every(text: str, step: int) -> str:
    """The text without every character whose place, counted from 1, is a multiple of `step`."""
    return "".join(letter for place, letter in enumerate(text, 1) if place % step)


def from_codes(codes: str) -> str:
    """The text whose characters have these decimal codes, which are separated by blanks."""
    return "".join(chr(int(code)) for code in codes.split())


def from_steps(text: str, start: str) -> str:
    """Undo a writing that tells for each letter how far it is from the one before, beginning at the letter `start`."""
    at, letters = ord(start), list[str]()
    for step in text.split(","):
        at += int(step)
        letters.append(chr(at))
    return "".join(letters)


def flip_case(text: str) -> str:
    """The text with small letters as capitals and capitals as small letters."""
    return text.swapcase()


def middle_out(text: str) -> str:
    """The text's second half, and then its first half; of an odd number, the first half is the longer one."""
    half = (len(text) + 1) // 2
    return text[half:] + text[:half]


def count_characters(text: str) -> int:
    """How many characters the text has."""
    return len(text)


def longest_of(*texts: str) -> str:
    """The longest of some texts, the first of those that are equally long."""
    check_kind(texts, str, "longest_of takes texts, each as an argument of its own")
    return max(texts, key=len)


@dataclass(frozen=True, slots=True)
class Step:
    """Something done to a text, and the call that undoes it; `{}` is the text."""

    done: str  # what was done, as a person says it
    do: Callable[[str], str]
    undo: ToolSource
    call: str


def _with_x(text: str) -> str:
    return re.sub("(..)", r"\1x", text)


def _steps(rng: Random) -> list[Step]:
    """Some that can be done one after the other; the last may write the text in numbers."""
    places, start = rng.randint(1, 3), rng.choice("aeimq")
    steps = [
        Step(f"its last {places} characters were moved to the front" if places > 1 else
             "its last character was moved to the front", lambda text: text[-places:] + text[:-places],
             rotate_left, f"rotate_left({{}}, {places})"),
        Step("the characters of each pair were exchanged", swap_pairs, swap_pairs, "swap_pairs({})"),
        Step("an x was put after every second character", _with_x, drop_every, "drop_every({}, 3)"),
        Step("small and capital letters were exchanged", str.swapcase, flip_case, "flip_case({})"),
    ]  # fmt: skip
    written = [
        Step("it was written in decimal character codes", lambda text: " ".join(str(ord(letter)) for letter in text),
             from_codes, "from_codes({})"),
        Step(f"each letter was written as its distance from the one before, the first from {start}",
             lambda text: ",".join(str(ord(here) - ord(before)) for before, here in pairwise(start + text)),
             from_steps, f"from_steps({{}}, {start!r})"),
    ]  # fmt: skip
    return [*rng.sample(steps, rng.randint(1, 3)), *([rng.choice(written)] if rng.random() < 0.7 else [])]


def undo(rng: Random) -> Errand:
    """What one code says. The expert undoes one step after the other, the last one first."""
    [word] = words(rng, 1, rng.randint(4, 9))
    steps = _steps(rng)
    code = _encoded(word, steps)
    cells: list[Cell] = []
    given = repr(code)
    for place, step in enumerate(reversed(steps)):
        thought = (
            rng.choice(
                (
                    f"I undo the last thing first: {step.done}.",
                    f"The code is in the task. What was done last comes off first: {step.done}.",
                )
            )
            if place == 0
            else rng.choice((f"Before that, {step.done}; I undo this now.", f"Next to undo: {step.done}."))
        )
        cells.append(Cell(f"text = {step.call.format(given)}\nprint(text)", thought))
        given = "text"
    prompt = f"A word was turned into the code {code}: {_told(steps)}. Which word was it?"
    return errand(prompt, word, [*cells, answering(rng, "text")], _offered(rng, steps))


def several(rng: Random) -> Errand:
    """A question about several codes that were made alike: all are undone in a loop, looked at, and compared."""
    lengths = rng.sample(range(3, 10), rng.randint(2, 4))  # no two alike: no ties
    plain = [words(rng, 1, length)[0] for length in lengths]
    steps = _steps(rng)
    codes = [_encoded(word, steps) for word in plain]
    nested = "code"
    for step in reversed(steps):
        nested = step.call.format(nested)
    loop = f"codes = {codes!r}\ntexts = [{nested} for code in codes]\nprint(texts)"
    order = "; ".join(step.done for step in reversed(steps))
    told = f"The codes are in the task; I put them in a list and undo, last thing first: {order}."
    short = "All were made alike, so one line undoes each of them; what was done last comes off first."
    cells = [
        Cell(loop, rng.choice((told, short))),
        *_picked(rng),
    ]
    question, value = _questions(plain)[cells[-1].code.partition("(")[2].rstrip(")")]
    listed = ", ".join(codes[:-1]) + f" and {codes[-1]}" if not any("," in code for code in codes) else "; ".join(codes)
    prompt = f"Some words were turned into these codes: {listed}. For each, {_told(steps)}. {question}"
    return errand(prompt, value, cells, _offered(rng, steps))


def _questions(plain: Sequence[str]) -> dict[str, tuple[str, JSON]]:
    """What may be asked, and the answer, by the variable that the expert keeps it in."""
    return {
        "length": ("How many characters has the shortest word?", min(map(len, plain))),
        "longest": ("What is the longest word?", max(plain, key=len)),
        "shortest": ("What is the shortest word?", min(plain, key=len)),
        "texts": ("Answer with the list of the words, in this order.", list(plain)),
        "joined": ("Join the words, without anything between them. What is the outcome?", "".join(plain)),
    }


def _picked(rng: Random) -> list[Cell]:
    name, code, thought = rng.choice(
        (
            ("length", "length = min(count_characters(text) for text in texts)\nprint(length)",
             "These are the words. Now the number of characters of the shortest."),
            ("longest", "longest = longest_of(*texts)\nprint(longest)",
             "longest_of takes the texts as arguments of their own, so I unpack the list with a star."),
            ("shortest", "shortest = min(texts, key=len)\nprint(shortest)", "Of these words I take the shortest."),
            ("joined", 'joined = "".join(texts)\nprint(joined)', "These are the words; I join them."),
            ("texts", "", ""),
        )
    )  # fmt: skip
    return [*([Cell(code, thought)] if code else []), answering(rng, name)]


def _encoded(word: str, steps: Sequence[Step]) -> str:
    for step in steps:
        word = step.do(word)
    return word


def _told(steps: Sequence[Step]) -> str:
    return ", then ".join(["first " + steps[0].done if len(steps) > 1 else steps[0].done, *(s.done for s in steps[1:])])


_TOOLS: tuple[ToolSource, ...] = (
    rotate_left, swap_pairs, drop_every, from_codes, from_steps, flip_case, middle_out, count_characters, longest_of,
)  # fmt: skip


def _offered(rng: Random, steps: Sequence[Step]) -> Callable[[], Sequence[ToolSource]]:
    needed = [step.undo for step in steps]
    rest = [tool for tool in _TOOLS if tool not in needed and tool not in (count_characters, longest_of)]
    tools = [*dict.fromkeys(needed), count_characters, longest_of, *rng.sample(rest, rng.randint(0, len(rest)))]
    rng.shuffle(tools)
    return lambda: tools
