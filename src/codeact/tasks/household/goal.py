"""What is to be done in a household: six families of goals, worded as ALFWorld words them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

Family = Literal["put", "clean", "heat", "cool", "examine", "puttwo"]
FAMILIES: tuple[Family, ...] = get_args(Family)

WORDINGS: dict[Family, tuple[str, ...]] = {
    "put": ("put a {thing} in {target}.", "put some {thing} on {target}."),
    "clean": ("clean some {thing} and put it in {target}.", "put a clean {thing} in {target}."),
    "heat": ("heat some {thing} and put it in {target}.", "put a hot {thing} in {target}."),
    "cool": ("cool some {thing} and put it in {target}.", "put a cool {thing} in {target}."),
    "examine": ("examine the {thing} with the {target}.", "look at {thing} under the {target}."),
    "puttwo": ("put two {thing} in {target}.", "find two {thing} and put them in {target}."),
}
TASK = re.compile(r"Your task is to: ([^\n\"]+\.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`thing` and `target` are kinds: `apple`, and `fridge`, or in `examine` the kind of lamp."""

    family: Family
    thing: str
    target: str
    text: str


def read_goal(said: str) -> Goal | None:
    """The goal in a game's opening or grammar; None where it is of no family that the functions can do."""
    stated = TASK.search(said)
    for family, forms in WORDINGS.items() if stated else ():
        for form in forms:
            pattern = re.escape(form).replace(r"\{thing\}", r"(\w+)").replace(r"\{target\}", r"(\w+)")
            if found := re.fullmatch(pattern, cast("re.Match[str]", stated)[1]):
                return Goal(family=family, thing=found[1], target=found[2], text=found[0])
    return None
