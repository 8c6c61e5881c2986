"""Made-up tables: what a column means, how clean its values are in truth, and how untidily the table has them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from codeact.tasks.programming.draft import words
from codeact.tasks.tables.table import Table, table_of

Writing = Literal["plain", "commas", "percent"]
MISSING = ("", "–", "n/a", "?")


@dataclass(frozen=True, slots=True)
class Amount:
    """A column of numbers, some of which may be missing."""

    name: str
    least: int
    most: int
    writing: Writing = "plain"


@dataclass(frozen=True, slots=True)
class Domain:
    """What a table is about. Names are made up; the rest is drawn from here."""

    one: str  # "ship"
    many: str
    key: str  # the column of names
    group: str  # a column of few values
    groups: Sequence[str]
    amounts: Sequence[Amount]
    day: str  # a column of dates
    happened: str  # "launched": what its date says


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A table with the truth behind it."""

    domain: Domain
    names: Sequence[str]
    groups: Sequence[str]
    amounts: Mapping[Amount, Sequence[int | None]]
    days: Sequence[date]
    spelled: bool  # whether dates are written as 12 May 1912, or else as 1912-05-12
    table: Table


DOMAINS: Mapping[str, Domain] = {
    "ships": Domain(
        "ship", "ships", "Ship", "Type", ("ferry", "tanker", "icebreaker", "tug"),
        (Amount("Length (m)", 18, 320), Amount("Tonnage", 900, 98_000, "commas"), Amount("Crew", 4, 60)),
        "Launched", "launched",
    ),
    "rivers": Domain(
        "river", "rivers", "River", "Basin", ("North Basin", "Lake Orun", "East Coast"),
        (Amount("Length (km)", 12, 2400, "commas"), Amount("Mean flow", 3, 900), Amount("Navigable", 0, 100, "percent")),
        "First mapped", "first mapped",
    ),
    "films": Domain(
        "film", "films", "Title", "Genre", ("Drama", "Comedy", "Documentary", "Crime", "Animation"),
        (Amount("Minutes", 61, 190), Amount("Tickets sold", 800, 950_000, "commas"), Amount("Approval", 8, 99, "percent")),
        "Released", "released",
    ),
    "players": Domain(
        "player", "players", "Player", "Club", ("Rovers", "United", "Harbour FC", "Old Town"),
        (Amount("Matches", 1, 120), Amount("Goals", 0, 45), Amount("Passes completed", 30, 96, "percent")),
        "Born", "born",
    ),
    "firms": Domain(
        "company", "companies", "Company", "Sector", ("Energy", "Food", "Transport", "Software"),
        (Amount("Employees", 20, 64_000, "commas"), Amount("Branches", 1, 80), Amount("Growth", 1, 60, "percent")),
        "Founded", "founded",
    ),
    "villages": Domain(
        "village", "villages", "Village", "District", ("Upper Vale", "Lower Vale", "Marsh", "Coast", "Hills"),
        (Amount("Population", 140, 9_800, "commas"), Amount("Altitude (m)", 2, 1900), Amount("Forest", 1, 92, "percent")),
        "Charter", "given their charter",
    ),
    "launches": Domain(
        "mission", "missions", "Mission", "Site", ("Pad A", "Pad B", "Sea platform"),
        (Amount("Payload (kg)", 90, 22_000, "commas"), Amount("Orbit (km)", 180, 36_000, "commas"), Amount("Delays", 0, 9)),
        "Date", "launched",
    ),
    "books": Domain(
        "book", "books", "Title", "Language", ("Finnish", "Portuguese", "Swahili", "Korean"),
        (Amount("Pages", 60, 980), Amount("Copies printed", 500, 400_000, "commas"), Amount("Sold", 3, 100, "percent")),
        "Published", "published",
    ),
}  # fmt: skip


def facts(rng: random.Random, domain: Domain) -> Facts:
    """A table of 8 to 60 rows, with ties, gaps and untidy values."""
    height, spelled = rng.choice([8, 12, 15, 20, 30, 45, 60]), rng.random() < 0.5
    names = _names(rng, height)
    groups = [rng.choice(domain.groups) for _ in range(height)]
    amounts = {amount: _amounts(rng, amount, height) for amount in domain.amounts}
    days = [date(1880, 1, 1) + timedelta(days=rng.randrange(50_000)) for _ in range(height)]
    gap = rng.choice(MISSING)
    columns: list[tuple[str, Sequence[str]]] = [
        (domain.key, names),
        (domain.group, groups),
        (domain.day, [_day(day, spelled=spelled) for day in days]),
        *((amount.name, [_shown(value, amount, gap) for value in values]) for amount, values in amounts.items()),
    ]
    first, *others = columns
    order = [first, *rng.sample(others, len(others))]
    rows = list(zip(*(cells for _, cells in order), strict=True))
    table = table_of([name for name, _ in order], rows)
    return Facts(
        domain=domain, names=names, groups=groups, amounts=amounts, days=days, spelled=spelled, table=table
    )  # fmt: skip


def _names(rng: random.Random, count: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        names[" ".join(word.capitalize() for word in words(rng, rng.choice([1, 1, 2]), 4, 8))] = None
    return list(names)


def _amounts(rng: random.Random, amount: Amount, count: int) -> list[int | None]:
    """Some values stand twice; only untidy columns have gaps, so that a plain one stays a column of numbers."""
    values: list[int | None] = [rng.randint(amount.least, amount.most) for _ in range(count)]
    for place in rng.sample(range(count), count // 5):
        values[place] = rng.choice(values)
    if amount.writing != "plain":
        for place in rng.sample(range(count), count // 10):
            values[place] = None
    return values


def _shown(value: int | None, amount: Amount, gap: str) -> str:
    if value is None:
        return gap
    match amount.writing:
        case "plain":
            return str(value)
        case "commas":
            return f"{value:,}"
        case "percent":
            return f"{value} %"


def _day(day: date, *, spelled: bool) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}" if spelled else day.isoformat()


MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
