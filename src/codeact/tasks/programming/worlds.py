"""Families about small worlds: a robot on a board, regions of a map, roads between towns."""

from __future__ import annotations

import random

from codeact.tasks.programming.draft import Draft, Kind, Parameter, filled

MAP = Parameter("rows", "list[str]", "a row of the map")


def robots(rng: random.Random) -> Draft:
    """A robot that follows letters on a board with an edge."""
    width, height = rng.randint(4, 9), rng.randint(4, 9)
    up, right, down, left = rng.choice(["URDL", "NESW", "wdsa", "^>v<"])
    around = rng.random() < 0.5
    options: list[tuple[Kind, str, str]] = [
        ("list[int]", "its last place, as its column and its row", "[x, y]"),
        ("int", "how many different places it has been at, the first one included", "len(seen)"),
        ("int", "how often it arrives at a place where it has been before", "again"),
    ]
    returns, asked, result = rng.choice(options)
    edge = (
        f"(x + dx) % {width}, (y + dy) % {height}"
        if around
        else f"min(max(x + dx, 0), {width - 1}), min(max(y + dy, 0), {height - 1})"
    )
    stay = "" if around else "        if (new_x, new_y) == (x, y):\n            continue\n"
    source = filled(
        """
def walk(text):
    moves = $moves
    x, y, again = 0, 0, 0
    seen = {(0, 0)}
    for letter in text:
        if letter not in moves:
            continue
        dx, dy = moves[letter]
        new_x, new_y = $edge
$stay        x, y = new_x, new_y
        again += (x, y) in seen
        seen.add((x, y))
    return $result
""",
        moves={up: (0, -1), right: (1, 0), down: (0, 1), left: (-1, 0)},
        edge=edge,
        stay=stay,
        result=result,
    )
    told = "it comes in again on the other side" if around else "it stays where it is, and that is no arrival"
    return Draft(
        name="walk",
        parameters=[Parameter("text", "str", "the commands")],
        returns=returns,
        story=f"A robot starts in the upper left corner, column 0 and row 0, of a board of {width} columns and {height} rows. The letters {up}, {right}, "
        f"{down} and {left} move it one place up, to the right, down and to the left; other letters mean nothing. Where it would leave "
        f"the board, {told}. Give {asked}.",
        idea="I keep the position and the set of places seen, and play the commands one by one.",
        source=source,
        inputs=[("".join(rng.choice(f"{up}{right}{right}{down}{down}{left}x") for _ in range(count)),) for count in (8, 12, 0, 1, 25, 60, 300)],
    )  # fmt: skip


def regions(rng: random.Random) -> Draft:
    """Connected parts of a map."""
    land = rng.choice("#*o@")
    corners, least = rng.random() < 0.4, rng.randint(2, 4)
    options: list[tuple[Kind, str, str]] = [
        ("int", "how many islands there are", "len(sizes)"),
        ("int", "the size of the largest island, 0 if there is none", "max(sizes, default=0)"),
        ("int", f"how many islands have {least} or more squares", f"sum(size >= {least} for size in sizes)"),
        ("list[int]", "the sizes of all islands, the largest first", "sorted(sizes, reverse=True)"),
    ]
    returns, asked, result = rng.choice(options)
    steps = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0) and (corners or x * y == 0)]
    source = filled(
        """
def islands(rows):
    left = {(x, y) for y, row in enumerate(rows) for x, square in enumerate(row) if square == $land}
    sizes = []
    while left:
        todo, size = [left.pop()], 0
        while todo:
            x, y = todo.pop()
            size += 1
            for dx, dy in $steps:
                if (x + dx, y + dy) in left:
                    left.remove((x + dx, y + dy))
                    todo.append((x + dx, y + dy))
        sizes.append(size)
    return $result
""",
        land=repr(land),
        steps=steps,
        result=result,
    )
    told = "a side or a corner" if corners else "a side (a corner is not enough)"
    shapes = [(5, 3), (6, 5), (1, 1), (7, 1), (1, 6), (10, 8), (20, 15)]
    return Draft(
        name="islands",
        parameters=[MAP],
        returns=returns,
        story=f"On a map {land!r} is land and '.' is water. Squares of land that share {told} belong to the same island. Give {asked}.",
        idea="I collect the squares of land and flood each island from any of its squares, taking squares away as I go.",
        source=source,
        inputs=[(["".join(rng.choice(f"{land}..") for _ in range(wide)) for _ in range(high)],) for wide, high in shapes],
    )  # fmt: skip


def mazes(rng: random.Random) -> Draft:
    """The shortest way through a map, where some squares are slow."""
    wall, mud, slow = rng.choice("#X"), rng.choice("~%"), rng.randint(2, 5)
    source = filled(
        """
import heapq


def cross(rows):
    height, width = len(rows), len(rows[0])
    cost = {".": 1, $mud: $slow}
    queue, done = [(0, 0, 0)], set()
    while queue:
        spent, x, y = heapq.heappop(queue)
        if (x, y) == (width - 1, height - 1):
            return spent
        if (x, y) in done:
            continue
        done.add((x, y))
        for near_x, near_y in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if 0 <= near_x < width and 0 <= near_y < height and rows[near_y][near_x] in cost:
                heapq.heappush(queue, (spent + cost[rows[near_y][near_x]], near_x, near_y))
    return -1
""",
        mud=repr(mud),
        slow=slow,
    )
    shapes = [(4, 3), (5, 4), (1, 1), (6, 1), (1, 5), (8, 7), (15, 12)]
    return Draft(
        name="cross",
        parameters=[MAP],
        returns="int",
        story=f"On a map '.' is a path, {mud!r} is mud and {wall!r} is a wall. Somebody goes from the upper left to the lower right square, from each square "
        f"to one beside, above or below it, and not through walls. To enter a path takes 1 minute, to enter mud takes {slow}; the first "
        "square takes nothing. Give the least number of minutes, or -1 if there is no way.",
        idea="Squares cost different times, so I use Dijkstra's algorithm with a heap.",
        source=source,
        inputs=[(_maze(rng, wide, high, wall, mud),) for wide, high in shapes],
    )  # fmt: skip


def _maze(rng: random.Random, width: int, height: int, wall: str, mud: str) -> list[str]:
    rows = [[rng.choice(f"....{mud}{mud}{wall}") for _ in range(width)] for _ in range(height)]
    rows[0][0] = rows[-1][-1] = "."
    return ["".join(row) for row in rows]


def roads(rng: random.Random) -> Draft:
    """Towns that can be reached."""
    towns = rng.randint(6, 12)
    oneway, most = rng.random() < 0.5, rng.randint(2, 4)
    options: list[tuple[Kind, str, str]] = [
        ("list[int]", f"in order, the towns that can be reached from `start` on at most {most} roads, `start` itself included",
         f"sorted(town for town in far if far[town] <= {most})"),
        ("int", "how many towns cannot be reached from `start` at all", f"{towns} - len(far)"),
        ("int", "how many roads the way to the farthest town that can be reached has, if each way is as short as can be",
         "max(far.values())"),
        ("list[int]", "for each town, from 0 on, how many roads the shortest way from `start` has, or -1 where there is none",
         f"[far.get(town, -1) for town in range({towns})]"),
    ]  # fmt: skip
    returns, asked, result = rng.choice(options)
    source = filled(
        """
from collections import deque


def reach(roads, start):
    near = {town: set() for town in range($towns)}
    for first, second in roads:
        near[first].add(second)
$back    far, queue = {start: 0}, deque([start])
    while queue:
        town = queue.popleft()
        for other in near[town]:
            if other not in far:
                far[other] = far[town] + 1
                queue.append(other)
    return $result
""",
        towns=towns,
        back="" if oneway else "        near[second].add(first)\n",
        result=result,
    )
    return Draft(
        name="reach",
        parameters=[
            Parameter("roads", "list[list[int]]", "the two towns of a road"),
            Parameter("start", "int", "the town to start from"),
        ],
        returns=returns,
        story=f"Towns have the numbers 0 to {towns - 1}. Roads are given as pairs of towns; each can be used "
        f"{'from its first to its second town only' if oneway else 'in both directions'}. Give {asked}.",
        idea="I build a table of neighbours and search breadth first from the start, so that each town gets its shortest distance.",
        source=source,
        inputs=[([_road(rng, towns) for _ in range(count)], rng.randrange(towns)) for count in (5, 7, 0, 1, 10, 14, 20)],
    )  # fmt: skip


def _road(rng: random.Random, towns: int) -> list[int]:
    return rng.sample(range(towns), 2)
