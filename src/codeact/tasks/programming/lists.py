"""Families about lists of numbers: intervals, sequences, matrices, greedy choices, dynamic programming, queues."""

from __future__ import annotations

import random

from codeact.tasks.programming.draft import Draft, Kind, Parameter, filled, one_of

NUMBERS = Parameter("numbers", "list[int]", "the numbers")


def intervals(rng: random.Random) -> Draft:
    """Bookings that touch, merged."""
    gap = rng.randint(0, 3)
    returns, asked, result = one_of(
        rng,
        [
            ("int", "how many blocks there are", "len(blocks)"),
            ("int", "the length of the longest block (its end minus its start), 0 if there is none",
             "max((end - start for start, end in blocks), default=0)"),
            ("list[list[int]]", "the blocks, in order, as start and end", "blocks"),
            ("int", "the sum of the lengths (end minus start) of all blocks", "sum(end - start for start, end in blocks)"),
        ]
    )  # fmt: skip
    source = filled(
        """
def blocks_of(bookings):
    blocks = []
    for start, end in sorted(bookings):
        if blocks and start - blocks[-1][1] <= $gap:
            blocks[-1][1] = max(blocks[-1][1], end)
        else:
            blocks.append([start, end])
    return $result
""",
        gap=gap,
        result=result,
    )
    near = (
        f"is at most {gap} after the end of an earlier part of it"
        if gap
        else "is not after the end of an earlier part of it"
    )
    return Draft(
        name="blocks_of",
        parameters=[Parameter("bookings", "list[list[int]]", "a booking's start and end")],
        returns=returns,
        story="Bookings are given as pairs of a start and an end, in no order. Taken by their starts, bookings join into one block as "
        f"long as the next start {near}; a block goes from its first start to its latest end. Give {asked}.",
        idea="I sort the bookings, then either stretch the last block or begin a new one.",
        source=source,
        inputs=[([_span(rng) for _ in range(count)],) for count in (4, 5, 0, 1, 8, 12, 20)],
    )  # fmt: skip


def _span(rng: random.Random) -> list[int]:
    start = rng.randint(0, 60)
    return [start, start + rng.randint(1, 9)]


def sequences(rng: random.Random) -> Draft:
    """A sequence that each next number follows from, by a rule."""
    first, second, plus = rng.randint(1, 4), rng.randint(1, 4), rng.randint(0, 9)
    modulus = rng.choice([19, 31, 50, 101])
    asked, ending = rng.choice(
        [
            ("the n-th number (the two given ones are the 1st and the 2nd)", "    return sequence[n - 1]"),
            ("the sum of the first n numbers", "    return sum(sequence[:n])"),
            ("how many different numbers there are among the first n", "    return len(set(sequence[:n]))"),
            ("the largest of the first n numbers", "    return max(sequence[:n])"),
        ]
    )
    source = filled(
        """
def follow(a, b, n):
    sequence = [a, b]
    while len(sequence) < n:
        sequence.append(($first * sequence[-1] + $second * sequence[-2] + $plus) % $modulus)
$ending
""",
        first=first,
        second=second,
        plus=plus,
        modulus=modulus,
        ending=ending,
    )
    return Draft(
        name="follow",
        parameters=[
            Parameter("a", "int", "the first number"),
            Parameter("b", "int", "the second number"),
            Parameter("n", "int", "n, at least 1"),
        ],
        returns="int",
        story=f"A sequence begins with two given numbers. Each further one is the remainder by {modulus} of {first} times the last number plus "
        f"{second} times the one before it plus {plus}. Give {asked}.",
        idea="I build the list up to n numbers by its rule and read the result from it; n may be 1, so I cut the list.",
        source=source,
        inputs=[(rng.randrange(modulus), rng.randrange(modulus), n) for n in (5, 3, 1, 2, 20, 75, 400)],
    )  # fmt: skip


def matrices(rng: random.Random) -> Draft:
    """A matrix, turned, and something about it."""
    turn, code = rng.choice(
        [
            ("turned by a quarter clockwise", "[list(row) for row in zip(*matrix[::-1])]"),
            ("turned by a quarter against the clock", "[list(row) for row in zip(*matrix)][::-1]"),
            ("mirrored from left to right", "[row[::-1] for row in matrix]"),
            ("mirrored at its main diagonal (rows become columns)", "[list(row) for row in zip(*matrix)]"),
        ]
    )
    every = rng.randint(2, 3)
    returns, asked, result = one_of(
        rng,
        [
            ("list[list[int]]", "the new matrix", "turned"),
            ("list[int]", "the sums of its rows", "[sum(row) for row in turned]"),
            ("list[int]", "the largest numbers of its rows", "[max(row) for row in turned]"),
            ("int", f"the sum of every {every}. number of it, read row by row (the {every}., the {2 * every}., and so on)",
             f"sum([value for row in turned for value in row][{every - 1}::{every}])"),
            ("list[int]", "its first row followed by its last row, the latter backwards", "turned[0] + turned[-1][::-1]"),
        ]
    )  # fmt: skip
    source = f"def turn(matrix):\n    turned = {code}\n    return {result}"
    shapes = [(2, 3), (3, 3), (1, 1), (1, 4), (4, 1), (5, 4), (6, 7)]
    return Draft(
        name="turn",
        parameters=[Parameter("matrix", "list[list[int]]", "a row of the matrix")],
        returns=returns,
        story=f"A matrix of whole numbers, with at least one row and one column, is {turn}. Of what it is then, give {asked}.",
        idea="I turn the matrix first, with zip and slices, and then read off what is asked for.",
        source=source,
        inputs=[([[rng.randint(-9, 30) for _ in range(width)] for _ in range(height)],) for height, width in shapes],
    )  # fmt: skip


def greedy(rng: random.Random) -> Draft:
    """Talks that do not overlap, as many as can be."""
    pause = rng.randint(0, 4)
    options: list[tuple[Kind, str, str]] = [
        ("int", "how many talks can be heard at most", "len(heard)"),
        ("list[int]", "the ends, in order, of the talks that somebody hears who always goes to the one that ends first among "
         "those that can still be heard", "heard"),
        ("int", "how many talks are missed by somebody who hears as many as can be", "len(talks) - len(heard)"),
    ]  # fmt: skip
    returns, asked, result = rng.choice(options)
    source = filled(
        """
def hear(talks):
    heard = []
    for start, end in sorted(talks, key=lambda talk: talk[1]):
        if not heard or start >= heard[-1] + $pause:
            heard.append(end)
    return $result
""",
        pause=pause,
        result=result,
    )
    way = f"{pause} or more after the last one has ended" if pause else "as soon as the last one has ended"
    return Draft(
        name="hear",
        parameters=[Parameter("talks", "list[list[int]]", "a talk's start and end")],
        returns=returns,
        story=f"Talks are given as pairs of a start and a later end. Talks are heard whole, one after the other; the next may start {way}. "
        f"Give {asked}.",
        idea="It is best to go on with the talk that ends first, so I sort by ends and take each one that can still be reached.",
        source=source,
        inputs=[([_span(rng) for _ in range(count)],) for count in (4, 5, 0, 1, 9, 15, 30)],
    )


def coins(rng: random.Random) -> Draft:
    """Amounts paid with coins of a strange country."""
    values = sorted(rng.sample(range(2, 14), rng.randint(2, 4)))
    asked, source = rng.choice([(_WAYS, _COUNT_WAYS), (_FEWEST, _FIND_FEWEST)])
    amounts = (rng.randint(8, 25), rng.randint(8, 25), 0, 1, rng.randint(30, 60), 97, rng.randint(150, 400))
    return Draft(
        name="pay",
        parameters=[Parameter("amount", "int", "the amount")],
        returns="int",
        story=f"There are coins of {', '.join(map(str, values))}, as many of each as one likes. Give {asked}.",
        idea="I build a table over all smaller amounts, each entry from those that are one coin away.",
        source=filled(source, values=values),
        inputs=[(amount,) for amount in amounts],
    )


_WAYS = "in how many ways an amount can be paid (the order of the coins does not matter; there is one way to pay 0)"
_COUNT_WAYS = """
def pay(amount):
    known = [1] + [0] * amount
    for value in $values:
        for total in range(value, amount + 1):
            known[total] += known[total - value]
    return known[amount]
"""
_FEWEST = "with how few coins an amount can be paid exactly, or -1 if it can't be"
_FIND_FEWEST = """
def pay(amount):
    known = [0]
    for total in range(1, amount + 1):
        before = [known[total - value] for value in $values if value <= total]
        possible = [count for count in before if count >= 0]
        known.append(min(possible) + 1 if possible else -1)
    return known[amount]
"""


def chains(rng: random.Random) -> Draft:
    """The best choice from a row of numbers."""
    apart, step = rng.randint(2, 4), rng.randint(1, 3)
    told, source = rng.choice(
        [
            (
                f"the largest sum of numbers chosen so that the places of any two of them are at least {apart} apart (0 if it is "
                "best to choose none)",
                "def best(numbers):\n    known = []\n    for place, number in enumerate(numbers):\n"
                f"        before = known[place - {apart}] if place >= {apart} else 0\n"
                "        last = known[-1] if known else 0\n        known.append(max(last, before + number))\n"
                "    return known[-1] if known else 0",
            ),
            (
                f"the length of the longest choice of numbers, in their order, of which each is at least {step} larger than the one before",
                "def best(numbers):\n    known = []\n    for place, number in enumerate(numbers):\n"
                f"        fitting = [known[earlier] for earlier in range(place) if number - numbers[earlier] >= {step}]\n"
                "        known.append(max(fitting, default=0) + 1)\n    return max(known, default=0)",
            ),
            (
                f"the largest sum of a stretch of exactly {apart} neighbouring numbers (0 if there are not as many)",
                "def best(numbers):\n    sums = [sum(numbers[start:start + "
                f"{apart}]) for start in range(len(numbers) - {apart - 1})]\n    return max(sums, default=0)",
            ),
        ]
    )  # fmt: skip
    return Draft(
        name="best",
        parameters=[NUMBERS],
        returns="int",
        story=f"Given a row of whole numbers, give {told}.",
        idea="For each place I work out the best result that ends there, from those before it.",
        source=source,
        inputs=[([rng.randint(-9, 30) for _ in range(count)],) for count in (6, 8, 0, 1, 4, 15, 40)],
    )


def queues(rng: random.Random) -> Draft:
    """Jobs that take turns at a machine."""
    turn, pause = rng.randint(2, 5), rng.randint(0, 2)
    returns, asked, result = one_of(
        rng,
        [
            ("list[int]", "the jobs' numbers (their places in the list, from 0) in the order in which they are done", "done"),
            ("int", "the time at which the last job is done (0 if there is none)", "time"),
            ("list[int]", "for each job, in the order of the list, the time at which it is done",
             "[finished[job] for job in range(len(numbers))]"),
        ]
    )  # fmt: skip
    source = filled(
        """
from collections import deque


def work(numbers):
    waiting = deque(enumerate(numbers))
    time, done, finished = 0, [], {}
    while waiting:
        job, left = waiting.popleft()
        time += min(left, $turn)
        if left > $turn:
            waiting.append((job, left - $turn))
            time += $pause
        else:
            done.append(job)
            finished[job] = time
    return $result
""",
        turn=turn,
        pause=pause,
        result=result,
    )
    cost = f" Putting it back takes {pause} more." if pause else ""
    return Draft(
        name="work",
        parameters=[Parameter("numbers", "list[int]", "the time that each job needs, at least 1")],
        returns=returns,
        story=f"Jobs wait at a machine in the order of the list. The first one is worked on for at most {turn} units of time; if it is not done "
        f"then, it goes to the end of the line.{cost} Then the next one has its turn. Give {asked}.",
        idea="I play it through with a queue of jobs and what each still needs, and keep the time.",
        source=source,
        inputs=[([rng.randint(1, 14) for _ in range(count)],) for count in (3, 4, 0, 1, 7, 12, 25)],
    )  # fmt: skip
