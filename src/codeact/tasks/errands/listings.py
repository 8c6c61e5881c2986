"""Errands over lists of records: shows, trains and measurements that are gathered, filtered, joined and summed up."""

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
from codeact.types import JSON

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Show(TypedDict):
    title: str
    hour: int
    price: float
    seats: int


@dataclass(frozen=True, slots=True)
class Theatre:
    programme: Mapping[str, Sequence[Show]]  # by day
    marks: Mapping[str, float]  # by title

    def shows(self, day: str) -> list[Show]:
        """The shows of a day: title, hour at which it begins, price of a ticket, seats that are left."""
        if day not in self.programme:
            raise ValueError(f"no shows on {day!r}; there are some on {', '.join(self.programme)}")
        return list(self.programme[day])

    def stars(self, title: str) -> float:
        """What critics give a show, from 1 to 5."""
        return self.marks[title]

    def discount(self, people: int) -> float:
        """The part of the price that a group of so many people pays, 1.0 for all of it."""
        return 0.8 if people >= 4 else 0.9 if people >= 2 else 1.0

    def tools(self) -> Sequence[ToolSource]:
        return self.shows, self.stars, self.discount


def theatre(rng: Random) -> Errand:
    """The cheapest or the best show of some days that has seats left, or what a group pays."""
    days, titles = rng.sample(DAYS, 3), [f"The {word}" for word in words(rng, 9, 5)]
    prices, marks = rng.sample(range(20, 90), 9), rng.sample(range(100, 500), 9)  # no two alike: no ties
    seats = [rng.randint(0, 9) for _ in titles]
    seats[rng.randrange(9)] = 9
    shows = [
        Show(title=title, hour=rng.randint(14, 22), price=price / 2, seats=left)
        for title, price, left in zip(titles, prices, seats, strict=True)
    ]
    house = Theatre(
        programme={day: shows[3 * place : 3 * place + 3] for place, day in enumerate(days)},
        marks={title: mark / 100 for title, mark in zip(titles, marks, strict=True)},
    )
    return rng.choice((_tickets, _cheap_show, _good_show))(rng, house)


def _tickets(rng: Random, house: Theatre) -> Errand:
    day, people = rng.choice(list(house.programme)), rng.randint(1, 6)
    show = rng.choice(house.programme[day])
    code = f"""\
price = next(show["price"] for show in today if show["title"] == "{show["title"]}")
share = discount({people})
total = round(price * {people} * share, 2)
print(price, share, total)"""
    return errand(
        f"What do {people} people pay together for {show['title']} on {day}, with the discount of a group of that "
        "size? Round to two decimals.",
        round(show["price"] * people * house.discount(people), 2),
        [
            Cell(f'today = shows("{day}")\nfor show in today:\n    print(show)', f"I look at what there is on {day}."),
            Cell(code, f"The show is there. Price times {people}, times what discount says."),
            answering(rng, "total"),
        ],
        house.tools,
        2 * CENTS,
    )


def _cheap_show(rng: Random, house: Theatre) -> Errand:
    seats = rng.randint(1, 6)
    code = f"""\
free = [show for show in everything if show["seats"] >= {seats}]
best = min(free, key=lambda show: show["price"])
title = best["title"]
print(best)"""
    return errand(
        f"Which show on {_days(house)} is the cheapest of those with at least {seats} seats left?",
        min(_free(house, seats), key=lambda show: show["price"])["title"],
        [
            _gathering(rng, house),
            Cell(code, f"Only those with {seats} seats or more count; of them I take the one with the lowest price."),
            answering(rng, "title"),
        ],
        house.tools,
    )


def _good_show(rng: Random, house: Theatre) -> Errand:
    seats = rng.randint(1, 6)
    code = f"""\
free = [show for show in everything if show["seats"] >= {seats}]
rated = {{show["title"]: stars(show["title"]) for show in free}}
print(rated)
title = max(rated, key=rated.get)
print(title)"""
    return errand(
        f"Which show on {_days(house)} have the critics liked best, of those with at least {seats} seats left?",
        max(_free(house, seats), key=lambda show: house.marks[show["title"]])["title"],
        [
            _gathering(rng, house),
            Cell(code, f"I keep those with {seats} seats or more, and ask for the stars of each."),
            answering(rng, "title"),
        ],
        house.tools,
    )


def _gathering(rng: Random, house: Theatre) -> Cell:
    code = f"""\
everything = []
for day in {list(house.programme)!r}:
    for show in shows(day):
        everything.append({{**show, "day": day}})
        print(everything[-1])"""
    thoughts = (
        f"I collect the shows of the {len(house.programme)} days in one list first, and look at them.",
        "First I need all shows. I keep the day with each.",
    )
    return Cell(code, rng.choice(thoughts))


def _free(house: Theatre, seats: int) -> list[Show]:
    return [show for shows in house.programme.values() for show in shows if show["seats"] >= seats]


def _days(house: Theatre) -> str:
    *days, last = house.programme
    return f"{', '.join(days)} or {last}"


class Train(TypedDict):
    to: str
    leaves: int
    arrives: int
    fare: float


@dataclass(frozen=True, slots=True)
class Network:
    trains: Mapping[str, Sequence[Train]]  # by the town that they leave

    def departures(self, town: str) -> list[Train]:
        """The trains of a town: where they go, the minutes of the day at which they leave and arrive, and the fare."""
        if town not in self.trains:
            raise ValueError(f"there is no town {town!r}")
        return list(self.trains[town])

    def clock(self, minutes: int) -> str:
        """Minutes of the day as hours and minutes."""
        return f"{minutes // 60:02}:{minutes % 60:02}"

    def tools(self) -> Sequence[ToolSource]:
        return self.departures, self.clock


def trains(rng: Random) -> Errand:
    """From one town to another with one change: the lowest fare, or the earliest arrival."""
    start, end, *between = words(rng, 5)
    legs: dict[str, list[Train]] = {start: [], end: []}
    for place, town in enumerate(between):
        leaves, goes_on = rng.randint(360, 480), rng.randint(700, 900) if place == 0 else rng.randint(500, 900)
        legs[start].append(_train(rng, town, leaves))
        legs[town] = [_train(rng, end, goes_on), _train(rng, start, goes_on + 15)]
    network = Network(legs)
    looking = Cell(
        f'first = departures("{start}")\nfor train in first:\n    print(train)',
        rng.choice((f"I look at what leaves {start}.", f"Which towns lie between? First the trains of {start}.")),
    )
    joining = f"""\
ways = []
for one in first:
    for two in departures(one["to"]):
        if two["to"] == "{end}" and two["leaves"] >= one["arrives"]:
            ways.append((one, two))
            print(one, two)
"""
    thoughts = (
        f"I join the two legs, and keep those that reach {end} and leave after the first has arrived.",
        f"For each first train I ask for the second ones: to {end}, leaving after the arrival.",
    )
    ways = [(one, two) for one in legs[start] for two in legs[one["to"]] if _joins(one, two, end)]
    asked, line, name, value = rng.choice(
        (
            (
                f"What is the lowest fare from {start} to {end} with one change of trains?",
                'fare = round(min(one["fare"] + two["fare"] for one, two in ways), 2)',
                "fare",
                round(min(one["fare"] + two["fare"] for one, two in ways), 2),
            ),
            (
                f"At what time, as hh:mm, is one in {end} at the earliest, from {start} with one change of trains?",
                'time = clock(min(two["arrives"] for one, two in ways))',
                "time",
                network.clock(min(two["arrives"] for _, two in ways)),
            ),
        )
    )
    return errand(
        f"{asked} The second train must not leave before the first arrives.",
        value,
        [looking, Cell(f"{joining}{line}\nprint({name})", rng.choice(thoughts)), answering(rng, name)],
        network.tools,
        CENTS,
    )


def _train(rng: Random, to: str, leaves: int) -> Train:
    return Train(to=to, leaves=leaves, arrives=leaves + rng.randint(30, 200), fare=rng.randint(20, 200) / 10)


def _joins(one: Train, two: Train, end: str) -> bool:
    return two["to"] == end and two["leaves"] >= one["arrives"]


@dataclass(frozen=True, slots=True)
class Stations:
    readings: Mapping[str, Sequence[float]]
    shifts: Mapping[str, float]

    def list_stations(self) -> list[str]:
        """The names of all stations."""
        return list(self.readings)

    def readings_of(self, station: str) -> list[float]:
        """The temperatures that a station has measured, a day each, not corrected."""
        if station not in self.readings:
            raise ValueError(f"there is no station {station!r}; list_stations() has their names")
        return list(self.readings[station])

    def correction(self, station: str) -> float:
        """What has to be added to each reading of a station."""
        return self.shifts[station]

    def fahrenheit(self, celsius: float) -> float:
        """A temperature in degrees Fahrenheit."""
        return round(celsius * 9 / 5 + 32, 2)

    def tools(self) -> Sequence[ToolSource]:
        return self.list_stations, self.readings_of, self.correction, self.fahrenheit


_GATHERED = """\
right = {}
for name in names:
    shift = correction(name)
    right[name] = [round(value + shift, 1) for value in readings_of(name)]
    print(name, right[name])"""


def stations(rng: Random) -> Errand:
    """Readings of some stations, each with a correction: where it was hottest, a mean, the days over a limit."""
    names = words(rng, rng.randint(3, 5))
    net = Stations(
        readings={name: [rng.randint(-50, 350) / 10 for _ in range(rng.randint(4, 7))] for name in names},
        shifts={name: rng.randint(-20, 20) / 10 for name in names},
    )
    right = {name: [round(value + net.shifts[name], 1) for value in net.readings[name]] for name in names}
    asked, line, name, value = _asked(rng, net, right)
    gathering = ("Each station has a correction that is added to its readings.", "Now the corrected readings of all.")
    picking = ("From these numbers I compute what is asked.", "All readings are there, corrected. Now the question.")
    return errand(
        f"{asked} The stations' readings have to be corrected.",
        value,
        [
            Cell("names = list_stations()\nprint(names)", "First I see which stations there are."),
            Cell(_GATHERED, rng.choice(gathering)),
            Cell(f"{line}\nprint({name})", rng.choice(picking)),
            answering(rng, name),
        ],
        net.tools,
        2 * CENTS,
    )


def _asked(rng: Random, net: Stations, right: Mapping[str, Sequence[float]]) -> tuple[str, str, str, JSON]:
    """A question, the line that answers it, its variable and its value."""
    every = [value for part in right.values() for value in part]
    limit = rng.randint(5, 25)
    hottest = [name for name, part in right.items() if max(part) == max(every)]
    questions: list[tuple[str, str, str, JSON]] = [
        (
            "What is the mean of the corrected readings of all stations together, rounded to two decimals?",
            "values = [value for part in right.values() for value in part]\nmean = round(sum(values) / len(values), 2)",
            "mean",
            round(sum(every) / len(every), 2),
        ),
        (
            f"On how many station days was the corrected reading over {limit} degrees?",
            f"days = sum(value > {limit} for part in right.values() for value in part)",
            "days",
            sum(value > limit for value in every),
        ),
        (
            "What is the lowest corrected reading in degrees Fahrenheit?",
            "lowest = fahrenheit(min(value for part in right.values() for value in part))",
            "lowest",
            net.fahrenheit(min(every)),
        ),
    ]
    if len(hottest) == 1:
        question = "Which station had the highest corrected reading?"
        questions.append((question, "station = max(right, key=lambda name: max(right[name]))", "station", hottest[0]))
    return rng.choice(questions)
