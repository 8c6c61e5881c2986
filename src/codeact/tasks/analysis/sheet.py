"""A file of comma-separated values from a seed: what was measured, and how somebody has written it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random


@dataclass(frozen=True, slots=True)
class Subject:
    """What a file is about: two measures that belong together, another one, a group."""

    file: str
    cause: tuple[str, float, float]  # a column, its least and greatest value
    effect: str  # a column that grows or falls with the cause
    slope: tuple[float, float]  # between which the slope is drawn
    level: float  # the effect where the cause is 0
    spread: float  # of the effect around its line
    other: tuple[str, float, float]  # a column that has nothing to do with them
    group: str  # a column of names
    names: Sequence[str]
    unit: str  # of the effect, where somebody has written it behind each value


SUBJECTS = (
    Subject("ferries.csv", ("wind_kmh", 2, 60), "delay_min", (0.2, 0.9), 3, 4, ("passengers", 20, 400),
            "harbour", ("Nordby", "Havn", "Sund", "Ostrand"), "min"),
    Subject("orchard.csv", ("age_years", 3, 40), "yield_kg", (1.5, 4.5), 12, 9, ("distance_m", 5, 900),
            "sort", ("Jonagold", "Boskoop", "Elstar"), "kg"),
    Subject("rowing.csv", ("training_hours", 1, 20), "time_s", (-6.5, -2.0), 480, 12, ("weight_kg", 55, 98),
            "club", ("Red", "Blue", "Green", "White"), "s"),
    Subject("bakery.csv", ("customers", 40, 320), "bread_kg", (0.15, 0.6), 8, 6, ("temperature_c", -4, 31),
            "shop", ("Market", "Station", "Bridge"), "kg"),
    Subject("houses.csv", ("area_m2", 35, 220), "heating_kwh", (40, 110), 900, 600, ("built", 1890, 2020),
            "district", ("East", "West", "Hill", "Harbour"), "kWh"),
    Subject("lakes.csv", ("depth_m", 1, 60), "temperature_c", (-0.24, -0.1), 19, 0.9, ("visibility_m", 1, 12),
            "lake", ("Lilla", "Stora", "Mellan"), "C"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One file, and what is true of it."""

    subject: Subject
    days: Sequence[date]
    groups: Sequence[str]
    causes: Sequence[float]
    effects: Sequence[float | None]  # None where nothing was written down
    others: Sequence[float]
    units: bool  # whether the unit stands behind each effect

    @property
    def text(self) -> str:
        cause, other = self.subject.cause[0], self.subject.other[0]
        lines = [f"date,{self.subject.group},{cause},{self.subject.effect},{other}"]
        rows = zip(self.days, self.groups, self.causes, self.effects, self.others, strict=True)
        lines += [f"{day},{group},{x:g},{self._written(y)},{z:g}" for day, group, x, y, z in rows]
        return "\n".join(lines) + "\n"

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """Cause and effect, where both are known."""
        return [(x, y) for x, y in zip(self.causes, self.effects, strict=True) if y is not None]

    @property
    def missing(self) -> int:
        return sum(value is None for value in self.effects)

    def by_group(self) -> Mapping[str, list[float]]:
        """The effects that are known of each group."""
        found: dict[str, list[float]] = {name: [] for name in dict.fromkeys(self.groups)}
        for name, value in zip(self.groups, self.effects, strict=True):
            if value is not None:
                found[name].append(value)
        return found

    def by_month(self) -> Mapping[int, float]:
        """The sum of the effects of each month."""
        found: dict[int, float] = {}
        for day, value in zip(self.days, self.effects, strict=True):
            found[day.month] = found.get(day.month, 0.0) + (value or 0.0)
        return found

    def _written(self, value: float | None) -> str:
        if value is None:
            return ""
        return f"{value:g} {self.subject.unit}" if self.units else f"{value:g}"


def sheet(rng: Random) -> Sheet:
    """A file of sixty to a hundred rows; in half of them values are missing, in a fourth the unit is written too."""
    subject = rng.choice(SUBJECTS)
    _, low, high = subject.cause
    slope, rows = rng.uniform(*subject.slope), rng.randint(60, 100)
    begin = date(rng.randint(2021, 2025), rng.randint(1, 6), rng.randint(1, 28))
    causes = [round(rng.uniform(low, high), 1) for _ in range(rows)]
    effects: list[float | None] = [
        round(subject.level + slope * cause + rng.gauss(0, subject.spread), 1) for cause in causes
    ]
    if rng.random() < 0.5:
        for place in rng.sample(range(rows), rng.randint(2, 7)):
            effects[place] = None
    return Sheet(
        subject=subject,
        days=[begin + timedelta(days=2 * place) for place in range(rows)],
        groups=[*subject.names, *(rng.choice(subject.names) for _ in range(rows - len(subject.names)))],
        causes=causes,
        effects=effects,
        others=[round(rng.uniform(*subject.other[1:])) for _ in range(rows)],
        units=rng.random() < 0.25,
    )
