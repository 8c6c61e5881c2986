"""Makes a house and a goal in it from a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from codeact.tasks.household.goal import WORDINGS, Family, Goal
from codeact.tasks.household.home import Plan, kind_of
from codeact.tasks.household.rooms import APPLIANCES, FIT, ROOMS, SPOTS, Room


def make_house(rng: Random, family: Family, places: int) -> Plan:
    """A room with so many receptacles, or as many as it may have; what the goal asks for is in it, and not yet done."""
    room = ROOMS[rng.choice([name for name, room in ROOMS.items() if _things(room, family)])]
    standing = _standing(rng, room, places)
    thing = rng.choice(_things(room, family))
    kinds = sorted({kind_of(place) for place in standing})
    target = room.lamp if family == "examine" else rng.choice([kind for kind in kinds if kind in SPOTS[thing]])
    lies = _furnish(rng, room, standing, thing, target, family)
    text = rng.choice(WORDINGS[family]).format(thing=thing, target=target)
    return Plan(lies, Goal(family=family, thing=thing, target=target, text=text))


def _things(room: Room, family: Family) -> list[str]:
    needed = APPLIANCES.get(family)
    if (needed and needed not in room.places) or (family == "examine" and not room.lamp):
        return []
    return [thing for thing in room.things if thing in FIT.get(family, SPOTS)]


def _standing(rng: Random, room: Room, count: int) -> list[str]:
    more = [kind for kind, most in room.places.items() for _ in range(most - 1)]
    rng.shuffle(more)
    numbers = Counter([*room.places, *more[: max(0, count - len(room.places))]])
    return [f"{kind} {number}" for kind in sorted(numbers) for number in range(1, numbers[kind] + 1)]


def _furnish(
    rng: Random, room: Room, standing: Sequence[str], thing: str, target: str, family: Family
) -> Mapping[str, tuple[str, ...]]:
    """What the goal asks for lies away from its target; other things anywhere they belong, about one a receptacle."""
    wanted = [thing] * (2 if family == "puttwo" else rng.choice((1, 1, 2)))
    others = [kind for kind in room.things if kind != thing]
    clutter = [rng.choice(others) for _ in standing]
    spots = [
        *((kind, _spots(kind, standing, avoid=target)) for kind in wanted),
        *((kind, _spots(kind, standing)) for kind in clutter),
        *([(room.lamp, [place for place in standing if kind_of(place) in ("desk", "sidetable")])] if room.lamp else []),
    ]
    lies: dict[str, list[str]] = {place: [] for place in standing}
    numbers: Counter[str] = Counter()
    for kind, free in spots:
        numbers[kind] += 1
        lies[rng.choice(free)].append(f"{kind} {numbers[kind]}")
    return {place: tuple(rng.sample(things, len(things))) for place, things in lies.items()}


def _spots(thing: str, standing: Sequence[str], avoid: str = "") -> list[str]:
    return [place for place in standing if kind_of(place) in SPOTS[thing] and kind_of(place) != avoid]
