"""The expert: it knows the goal and the rules, not where anything is.

So it looks around, goes from receptacle to receptacle in one action until it has seen what it needs, and then acts. Its
code would do the same in any other room with this goal, and is the same for generated houses and for ALFWorld's games.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from codeact.tasks.household.goal import Goal
from codeact.tasks.household.rooms import APPLIANCES
from codeact.tasks.oracle import Calls, Cell, Cells, Oracle

_LOOK = (
    "First I look around, to see which receptacles there are.",
    "I need to know the room before I search it, so I look around.",
    "Let me see what there is in this room.",
)
_SEARCH = (
    "I don't know where the {thing} is. I go through the receptacles, open what is closed, and stop when I see one.",
    "The {thing} can be anywhere. One loop finds it: go to each receptacle, open it if closed, read what is seen.",
)
_SEARCH_TWO = (
    "I don't know where they are. I go through all receptacles but the {target}, until I have seen two.",
    "I need two. I search receptacle by receptacle, leave out the {target} where they shall go, and note what I see.",
)
_CLOSING = {
    "put": "The {thing} is in the {target} now.",
    "clean": "The {thing} is clean, and in the {target}.",
    "heat": "The {thing} is hot, and in the {target}.",
    "cool": "The {thing} is cool, and in the {target}.",
    "examine": "I hold the {thing} under the {target}, which is on.",
    "puttwo": "Both are in the {target} now.",
}
_PLACES = """\
import re

places = re.findall(r"an? (\\w+ \\d+)", room)
"""
_VISIT = """\

def visit(place):
    seen = goto(place)
    return open_receptacle(place) if "is closed" in seen else seen

"""
_FIND = """\
def find(kind):
    for place in places:
        seen = visit(place)
        print(seen)
        if found := re.search(rf"\\b{kind} \\d+", seen.partition("you see")[2]):
            return found[0], place
    return None, None


"""
_FIND_TWO = """\
target = next(place for place in places if place.startswith("{target} "))
found = []
for place in places:
    if place != target and len(found) < 2:
        seen = visit(place)
        print(seen)
        found += [(thing, place) for thing in re.findall(r"\\b{thing} \\d+", seen.partition("you see")[2])]
print(found)"""
_BRING_TWO = "\n    ".join(
    (
        "for thing, place in found[:2]:",
        "print(goto(place))",
        "print(take_from(thing, place))",
        "print(visit(target))",
        "print(put(thing, target))",
    )
)
_QUIET = "print = lambda *said: None\n"  # in json and text nothing is printed


def experts(rng: Random, goal: Goal) -> Mapping[str, Oracle]:
    """In code some actions with a thought before each; in json and text the same as one call a turn."""
    cells = [
        Cell("room = look()\nprint(room)", rng.choice(_LOOK)),
        *(_two(rng, goal) if goal.family == "puttwo" else _one(rng, goal)),
    ]
    closing = _CLOSING[goal.family].format(thing=goal.thing, target=goal.target)
    calls = Calls("\n".join([_QUIET, *(cell.code for cell in cells), f"result = {closing!r}"]))
    return {"code": Cells(cells, closing), "json": calls, "text": calls}


def _one(rng: Random, goal: Goal) -> list[Cell]:
    find = f'{_PLACES}\n{_VISIT}{_FIND}thing, place = find("{goal.thing}")\nprint(thing, place)'
    search = Cell(find, rng.choice(_SEARCH).format(thing=goal.thing))
    if goal.family == "examine":
        return [search, *_examine(goal)]
    take = "print(take_from(thing, place))"
    if goal.family in APPLIANCES:
        with_what = APPLIANCES[goal.family]
        treat = f"{_first('appliance', with_what)}\nprint(goto(appliance))\nprint({goal.family}(thing, appliance))"
        thought = f"There is one. I take it, and {goal.family} it with the {with_what}."
        return [
            search,
            Cell(f"{take}\n{treat}", thought),
            Cell(_putting(goal), f"Now it only has to be put into the {goal.target}; I open that if it is closed."),
        ]
    return [search, Cell(f"{take}\n{_putting(goal)}", f"There is one. I take it and bring it to the {goal.target}.")]


def _examine(goal: Goal) -> list[Cell]:
    take = f'print(take_from(thing, place))\nlamp, stand = find("{goal.target}")\nprint(lamp, stand)'
    return [
        Cell(take, f"There it is. I take it, and with it in hand I search for the {goal.target} in the same way."),
        Cell("print(use(lamp))", f"I stand where the {goal.target} is, with the {goal.thing} in hand. I turn it on."),
    ]


def _two(rng: Random, goal: Goal) -> list[Cell]:
    words = {"thing": goal.thing, "target": goal.target}
    bring = f"I know where they are. I bring them to the {goal.target} one after the other, as I can hold only one."
    return [
        Cell(
            f"{_PLACES}\n{_VISIT}\n{_FIND_TWO.format(**words)}",
            rng.choice(_SEARCH_TWO).format(**words),
        ),
        Cell(_BRING_TWO, bring),
    ]


def _first(name: str, kind: str) -> str:
    return f'{name} = next(place for place in places if place.startswith("{kind} "))'


def _putting(goal: Goal) -> str:
    return f"{_first('target', goal.target)}\nprint(visit(target))\nprint(put(thing, target))"
