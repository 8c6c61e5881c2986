"""Errands of hiring: of the halls and cooks of a list those that fit are kept, and the cheapest of them paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypedDict

from codeact.tasks.answers import CENTS
from codeact.tasks.errands.errand import Errand, answering, errand
from codeact.tasks.naming import words
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource

THINGS = ("stage", "piano", "ramp", "kitchen", "garden", "projector")
STYLES = ("vegan", "classic", "hearty")


class Hall(TypedDict):
    name: str
    has: list[str]
    per_day: int


class Cook(TypedDict):
    name: str
    style: str
    per_guest: float


@dataclass(frozen=True, slots=True)
class Agency:
    """What can be hired in each town."""

    lists: Mapping[str, Sequence[Hall]]
    cooks: Mapping[str, Sequence[Cook]]

    def halls(self, town: str) -> list[Hall]:
        """The halls of a town: name, list of what each has, and price of a day in whole euros."""
        return list(self.lists[self._known(town)])

    def caterers(self, town: str, style: str) -> list[Cook]:
        """The caterers of a town who cook in a style: name, style, and price for a guest in euros."""
        return [cook for cook in self.cooks[self._known(town)] if cook["style"] == style]

    def hall_fee(self, per_day: float, days: int) -> float:
        """What a hall costs for so many days, with its deposit of 50 euros."""
        return per_day * days + 50

    def _known(self, town: str) -> str:
        if town not in self.lists:
            raise ValueError(f"no town {town!r}; there are: {', '.join(self.lists)}")
        return town

    def tools(self) -> Sequence[ToolSource]:
        return self.halls, self.caterers, self.hall_fee


def hiring(rng: Random) -> Errand:
    """The cheapest hall that has some things and not others; or what it costs for days, with a caterer or without."""
    towns = words(rng, 3, 5)
    agency = Agency({town: _halls(rng) for town in towns}, {town: _cooks(rng) for town in towns})
    wish = _wish(rng, agency, rng.choice(towns))
    return rng.choice((_named, _paid, _paid, _fed, _fed))(rng, agency, wish)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a hall must have and must not have, in words and in code, and how an expert finds the one that is meant."""

    town: str
    told: str
    best: Hall
    cells: Sequence[Cell]

    @property
    def begin(self) -> str:
        return f"Take the cheapest hall in {self.town} that {self.told}."


def _wish(rng: Random, agency: Agency, town: str) -> Wish:
    one = rng.choice(agency.lists[town])
    needed = rng.sample(one["has"], rng.randint(1, 2))
    unwanted = rng.sample([thing for thing in THINGS if thing not in one["has"]], rng.randint(0, 1))
    fitting = [
        hall for hall in agency.lists[town] if set(needed) <= set(hall["has"]) and not set(unwanted) & set(hall["has"])
    ]
    told = " and ".join([*(f"has a {thing}" for thing in needed), *(f"has no {thing}" for thing in unwanted)])
    test = " and ".join(
        [*(f'"{thing}" in hall["has"]' for thing in needed), *(f'"{thing}" not in hall["has"]' for thing in unwanted)]
    )
    choosing = f"""\
fitting = [hall for hall in every if {test}]
hall = min(fitting, key=lambda hall: hall["per_day"])
print(hall)"""
    first = (f"First I see which halls there are in {town}.", "I look at the list before I choose.")
    then = (
        f"Of these I keep each one that {told}, and take the cheapest.",
        "What a hall has is in a list: I filter by it.",
    )
    return Wish(
        town=town,
        told=told,
        best=min(fitting, key=lambda hall: hall["per_day"]),
        cells=(
            Cell(f'every = halls("{town}")\nfor hall in every:\n    print(hall)', rng.choice(first)),
            Cell(choosing, rng.choice(then)),
        ),
    )


def _named(rng: Random, agency: Agency, wish: Wish) -> Errand:
    naming = Cell('name = hall["name"]\nprint(name)', "Its name is asked for.")
    return errand(
        f"{wish.begin} What is it called?",
        wish.best["name"],
        [*wish.cells, naming, answering(rng, "name")],
        agency.tools,
    )


def _paid(rng: Random, agency: Agency, wish: Wish) -> Errand:
    days = rng.randint(2, 6)
    return errand(
        f"{wish.begin} What is its fee for {days} days?",
        agency.hall_fee(wish.best["per_day"], days),
        [*wish.cells, _paying(days), answering(rng, "fee")],
        agency.tools,
        CENTS,
    )


def _fed(rng: Random, agency: Agency, wish: Wish) -> Errand:
    days, guests, style = rng.randint(2, 6), rng.randint(12, 90), rng.choice(STYLES)
    cheapest = min(cook["per_guest"] for cook in agency.caterers(wish.town, style))
    feeding = f"""\
cooks = caterers("{wish.town}", "{style}")
print(cooks)
meal = min(cook["per_guest"] for cook in cooks) * {guests}
print(meal)"""
    return errand(
        f"{wish.begin} It is hired for {days} days, and the cheapest {style} caterer of the town cooks once for "
        f"{guests} guests. What do fee and food cost together? Round to two decimals.",
        round(agency.hall_fee(wish.best["per_day"], days) + cheapest * guests, 2),
        [
            *wish.cells,
            _paying(days),
            Cell(feeding, f"Now the caterers; the cheapest one, times {guests} guests."),
            Cell("total = round(fee + meal, 2)\nprint(total)", "Both parts are there; I add them up."),
            answering(rng, "total"),
        ],
        agency.tools,
        2 * CENTS,
    )


def _paying(days: int) -> Cell:
    thought = f"hall_fee gives what {days} days cost, its deposit included."
    return Cell(f'fee = hall_fee(hall["per_day"], {days})\nprint(fee)', thought)


def _halls(rng: Random) -> list[Hall]:
    prices = rng.sample(range(80, 600), 5)  # no two alike: no ties
    return [
        Hall(name=f"{name} Hall", has=rng.sample(THINGS, rng.randint(2, 4)), per_day=price)
        for name, price in zip(words(rng, 5, 4), prices, strict=True)
    ]


def _cooks(rng: Random) -> list[Cook]:
    prices = rng.sample(range(16, 90), 6)
    return [
        Cook(name=name, style=STYLES[place % 3], per_guest=prices[place] / 2)
        for place, name in enumerate(words(rng, 6, 5))
    ]
