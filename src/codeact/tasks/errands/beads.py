"""Errands with strings of beads: functions take texts, dictionaries or several values, and one has to read which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from codeact.tasks.errands.errand import Errand, answering, check_kind, errand
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource
from codeact.types import JSON

COLOURS = {"R": "red", "Y": "yellow", "B": "blue", "W": "white"}
_DYED = str.maketrans("RYBW", "YBWR")
_MOTIFS = {"RY": "sun", "YR": "sun", "BW": "sea", "WB": "sea", "RB": "dusk", "YB": "leaf", "WW": "snow"}


def dye(beads: str) -> str:
    """Every bead gets the next colour: R becomes Y, Y becomes B, B becomes W and W becomes R."""
    return beads.translate(_DYED)


def wash(beads: str) -> str:
    """What `dye` does, undone: Y becomes R, B becomes Y, W becomes B and R becomes W."""
    return dye(dye(dye(beads)))


def tally(beads: str) -> dict[str, int]:
    """How many beads of each colour there are, in the order in which the colours first appear."""
    return {colour: beads.count(colour) for colour in dict.fromkeys(beads)}


def most_frequent(counts: dict[str, int]) -> str:
    """The colour with the highest count, the first of those that are equal; takes what `tally` gives."""
    check_kind([counts], dict, "most_frequent takes a dictionary of counts, as tally gives it")
    return max(counts, key=lambda colour: counts[colour])


def thread(*strings: str) -> str:
    """One string of beads out of several, in their order."""
    check_kind(strings, str, "thread takes strings of beads, each as an argument of its own")
    return "".join(strings)


def in_pairs(beads: str) -> list[str]:
    """The string cut into pairs of beads; a last single bead is left out."""
    return [beads[place : place + 2] for place in range(0, len(beads) - 1, 2)]


def motif(pair: str) -> str:
    """What a pair of beads is called; "none" for pairs without a name."""
    return _MOTIFS.get(pair, "none")


def looks_alike(first: str, second: str) -> bool:
    """Whether the second string is the first one, perhaps read from its other end."""
    return second in (first, first[::-1])


TOOLS: Sequence[ToolSource] = (dye, wash, tally, most_frequent, thread, in_pairs, motif, looks_alike)


@dataclass(frozen=True, slots=True)
class Change:
    """What may be done with the beads before the question."""

    wish: str
    code: str  # of `beads`
    thought: str
    run: Callable[[str], str]


CHANGES = (
    Change("Dye the beads {beads} once.", 'beads = dye("{beads}")',
           "The beads are in the task. First I dye them.", dye),
    Change("The beads {beads} are dyed already; wash them, to see what they were.", 'beads = wash("{beads}")',
           "wash undoes the dyeing; the beads are in the task.", wash),
    Change("Dye the beads {beads} twice.", 'beads = dye(dye("{beads}"))',
           "Dyeing twice is dye of dye.", lambda beads: dye(dye(beads))),
)  # fmt: skip


def beads(rng: Random) -> Errand:
    """A question about a string of beads that is dyed, washed or threaded from several first."""
    parts = ["".join(rng.choices("RYBW", k=rng.randint(4, 9))) for _ in range(rng.randint(2, 3))]
    if rng.random() < 0.4:
        asked, string = f"Thread the strings {', '.join(parts[:-1])} and {parts[-1]}, in this order.", thread(*parts)
        arguments = ", ".join(f'"{part}"' for part in parts)
        first = Cell(
            f"beads = thread({arguments})\nprint(beads)",
            "thread takes the strings one by one, as they stand in the task.",
        )
    else:
        change = rng.choice(CHANGES)
        asked, string = change.wish.format(beads=parts[0]), change.run(parts[0])
        first = Cell(f"{change.code.format(beads=parts[0])}\nprint(beads)", change.thought)
    question, value, cells, name = _asked(rng, string)
    tools = rng.sample(TOOLS, len(TOOLS))
    return errand(f"{asked} {question}", value, [first, *cells, answering(rng, name)], lambda: tools)


def _asked(rng: Random, string: str) -> tuple[str, JSON, list[Cell], str]:
    counts, pairs = tally(string), in_pairs(string)
    top = most_frequent(counts)
    known = [motif(pair) for pair in pairs]
    counting = Cell("counts = tally(beads)\nprint(counts)", "Now how many there are of each colour.")
    choosing = Cell("colour = most_frequent(counts)\nprint(colour)", "most_frequent takes these counts as they are.")
    naming = Cell(
        "pairs = in_pairs(beads)\nnames = [motif(pair) for pair in pairs]\nprint(pairs, names)",
        "I cut it into pairs, and ask for the name of each pair.",
    )
    return rng.choice(
        (
            ("Which colour is the most frequent? Answer with its letter.", top, [counting, choosing], "colour"),
            (
                "How often does each colour occur? Answer with a dictionary from letter to count.",
                counts,
                [counting],
                "counts",
            ),
            (
                "Which colour is the most frequent, and how many beads have it? Answer with the pair (letter, count).",
                [top, counts[top]],
                [
                    counting,
                    choosing,
                    Cell("answer = (colour, counts[colour])\nprint(answer)", "The colour with its count, as a pair."),
                ],
                "answer",
            ),
            (
                "How many pairs of beads are there, those without a name counted?",
                len(pairs),
                [
                    naming,
                    Cell(
                        "number = len(names)\nprint(number)", "Each pair has an entry in the list, so I count entries."
                    ),
                ],
                "number",
            ),
            (
                "Cut it into pairs. How many of them have a name?",
                sum(name != "none" for name in known),
                [
                    naming,
                    Cell(
                        'number = sum(name != "none" for name in names)\nprint(number)',
                        '"none" is for pairs without a name; I count the others.',
                    ),
                ],
                "number",
            ),
        )
    )
