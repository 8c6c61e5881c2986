"""Travel planner: flights and hotels over one to four legs, under preferences; the answer is the whole budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from codeact.tasks.m3tooleval.question import Domain, Edition, Question, named
from codeact.tools import ToolSource


class Flight(TypedDict):
    from_location: str
    to_location: str
    date: str
    price: int


class Hotel(TypedDict):
    location: str
    preferences: list[str]
    price_per_night: int
    rating: int


_FLIGHTS = """\
EA 2023-12-25 450, EB 2023-11-10 350, EB 2023-11-10 165, EB 2023-12-15 360, BE 2023-12-08 470, BE 2023-12-08 946,
EC 2023-10-05 600, EC 2023-12-01 580, ED 2023-08-15 400, BC 2023-11-13 300, AC 2023-08-20 250, AD 2023-12-28 250,
AD 2023-12-29 410, AB 2023-12-29 460, DC 2024-01-02 380, DA 2023-08-18 490, DA 2023-08-18 560, CB 2024-01-05 300,
CB 2023-12-03 900, CB 2023-12-03 450, CD 2023-12-03 450, BD 2023-12-06 250, BD 2023-12-06 700, DB 2023-12-06 490,
DB 2023-12-06 746, BD 2024-01-01 490, BD 2024-01-01 546, BE 2024-01-07 320, EA 2024-01-10 360"""
_HOTELS = """\
A wifi+pool 120 4, A wifi+pool 50 3, B wifi+gym 150 4, B pool+gym+wifi 160 5, C pool 100 3, C wifi 95 4,
C wifi+gym 103 4, C wifi+pool 110 5, D wifi 130 4, D wifi+gym 140 4, D wifi+gym+pool 135 5, E wifi+gym 190 4,
E wifi+gym+pool 120 5"""
_PLACES = "ABCDEF"


@dataclass(frozen=True, slots=True)
class Agency:
    """The two tables. `place` is how a location is written in results; asked for, it may stand in quotes or not."""

    place: Callable[[str], str]

    def find_flights(self, from_location: str, to_location: str, date: str) -> list[Flight]:
        """All flights from one location to another on a day, which is written YYYY-MM-DD."""
        route = _known(from_location) + _known(to_location)
        rows = [row.split() for row in _FLIGHTS.replace("\n", " ").split(", ")]
        return [
            Flight(from_location=self.place(pair[0]), to_location=self.place(pair[1]), date=day, price=int(price))
            for pair, day, price in rows
            if (pair, day) == (route, date)
        ]

    def book_hotel(self, location: str, *preferences: str) -> list[Hotel]:
        """All hotels of a location that have every one of the preferences: "wifi", "pool", "gym"; none for all."""
        location = _known(location)
        rows = [row.split() for row in _HOTELS.replace("\n", " ").split(", ")]
        return [
            Hotel(
                location=self.place(place),
                preferences=list[str](features.split("+")),
                price_per_night=int(price),
                rating=int(stars),
            )
            for place, features, price, stars in rows
            if place == location and set(preferences) <= set(features.split("+"))
        ]


def budget_calculator(flight_price: float, hotel_price_per_night: float, num_nights: int) -> float:
    """The price of a flight and of a hotel for some nights."""
    return _whole(flight_price + hotel_price_per_night * num_nights)


def max_value(*args: float) -> float:
    """The largest of the numbers."""
    return _whole(max(args))


def min_value(*args: float) -> float:
    """The smallest of the numbers."""
    return _whole(min(args))


def sum_values(*args: float) -> float:
    """The sum of the numbers."""
    return _whole(math.fsum(args))


def tools(edition: Edition) -> Sequence[ToolSource]:
    agency = Agency('"{}"'.format if edition == "paper" else str)
    numbers = (max_value, min_value, sum_values)
    if edition == "paper":  # there they hide the builtins of these names
        numbers = tuple(named(function, function.__name__.partition("_")[0]) for function in numbers)
    return agency.find_flights, agency.book_hotel, budget_calculator, *numbers


def misdocumented(name: str) -> str | None:
    """The signature that the original shows for a tool, where it leaves a parameter out."""
    return "(from_location: str, to_location: str) -> list[dict]" if name == "find_flights" else None


def _known(location: str) -> str:
    bare = location.strip('"')
    if bare not in _PLACES or len(bare) != 1:
        raise ValueError(f"there is no location {location!r}; there are: {', '.join(_PLACES)}")
    return bare


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


_PRELUDE = """\
def leg(start, to, date, nights, *preferences, best=False, without=None):
    flight = min(find_flights(start, to, date), key=lambda flight: flight["price"])
    hotels = [hotel for hotel in book_hotel(to, *preferences) if without not in hotel["preferences"]]
    price = (max if best else min)(hotels, key=lambda hotel: hotel["rating" if best else "price_per_night"])
    return budget_calculator(flight["price"], price["price_per_night"], nights)

"""
_CHEAP = "Take the cheapest flight and the cheapest hotel that fits."
_CHEAP_EACH = "Each time take the cheapest flight and the cheapest hotel that fits."
_BUDGET = "What is the whole budget for flights and hotels?"


def _trip(*legs: str) -> str:
    if len(legs) == 1:
        return f"result = leg({legs[0]})"
    lines = "".join(f"    leg({one}),\n" for one in legs)
    return f"costs = [\n{lines}]\nresult = sum_values(*costs)"


QUESTIONS = (
    Question(
        name="plan_trip_to_0",
        prompt="You fly from E to A on 2023-12-25 and stay 5 nights in a hotel with wifi and a pool: of those that fit, "
        f"the one with the highest rating. {_BUDGET}",
        defective=f"You fly from E to A on 2023-12-25 and stay 5 nights in a hotel with wifi and a pool. {_BUDGET}",
        value=1050,
        program=_trip('"E", "A", "2023-12-25", 5, "wifi", "pool", best=True'),
    ),
    Question(
        name="cheapest_new_york_trip",
        prompt="You fly from E to B on 2023-11-10 and stay 3 nights. What is the smallest budget for flight and hotel?",
        value=615,
        program=_trip('"E", "B", "2023-11-10", 3'),
    ),
    Question(
        name="luxury_tokyo_trip",
        prompt=f"You fly from E to C on 2023-10-05 and stay 7 nights in the hotel with the highest rating. {_BUDGET}",
        value=1370,
        program=_trip('"E", "C", "2023-10-05", 7, best=True'),
    ),
    Question(
        name="budget_trip_to_paris",
        prompt=f"You fly from E to A on 2023-12-25 and stay 4 nights. {_CHEAP} {_BUDGET}",
        value=650,
        program=_trip('"E", "A", "2023-12-25", 4'),
    ),
    Question(
        name="new_york_trip_with_specific_preferences",
        prompt="You fly from E to B on 2023-11-10 and stay 3 nights in a hotel that has a gym and no pool. "
        f"{_CHEAP} {_BUDGET}",
        value=615,
        program=_trip('"E", "B", "2023-11-10", 3, "gym", without="pool"'),
    ),
    Question(
        name="london_business_trip",
        prompt=f"You fly from E to D on 2023-08-15 and stay 4 nights in a hotel with wifi. {_CHEAP} {_BUDGET}",
        value=920,
        program=_trip('"E", "D", "2023-08-15", 4, "wifi"'),
    ),
    Question(
        name="last_minute_tokyo_trip",
        prompt=f"You fly from E to C on 2023-12-01 and stay 3 nights. {_CHEAP} {_BUDGET}",
        value=865,
        program=_trip('"E", "C", "2023-12-01", 3'),
    ),
    Question(
        name="new_york_holiday_season",
        prompt="You fly from E to B on 2023-12-15 and stay 7 nights in a hotel with a gym and a pool. "
        f"{_CHEAP} {_BUDGET}",
        value=1480,
        program=_trip('"E", "B", "2023-12-15", 7, "gym", "pool"'),
    ),
    Question(
        name="multi_city_business_trip",
        prompt="You fly from E to B on 2023-11-10 for 2 nights, then from B to C on 2023-11-13 for 3 nights, always in a "
        f"hotel with wifi. {_CHEAP_EACH} {_BUDGET}",
        value=1050,
        program=_trip('"E", "B", "2023-11-10", 2, "wifi"', '"B", "C", "2023-11-13", 3, "wifi"'),
    ),
    Question(
        name="leisure_multi_city_trip",
        prompt="You fly from E to A on 2023-12-25 for 3 nights, then from A to D on 2023-12-28 for 2 nights. "
        f"{_CHEAP_EACH} {_BUDGET}",
        value=1110,
        program=_trip('"E", "A", "2023-12-25", 3', '"A", "D", "2023-12-28", 2'),
    ),
    Question(
        name="three_city_european_tour",
        prompt="You fly from E to A on 2023-12-25 for 3 nights, then from A to D on 2023-12-29 for 4 nights, then from D "
        f"to C on 2024-01-02 for 3 nights, always in a hotel with wifi. {_CHEAP_EACH} {_BUDGET}",
        value=2195,
        program=_trip(
            '"E", "A", "2023-12-25", 3, "wifi"',
            '"A", "D", "2023-12-29", 4, "wifi"',
            '"D", "C", "2024-01-02", 3, "wifi"',
        ),
    ),
    Question(
        name="adventure_trip",
        prompt="You fly from E to C on 2023-12-01 for 2 nights in a hotel with a pool, then from C to B on 2023-12-03 for "
        "3 nights in any hotel, then from B to D on 2023-12-06 for 2 nights in a hotel with a gym. "
        f"{_CHEAP_EACH} {_BUDGET}",
        value=2200,
        program=_trip(
            '"E", "C", "2023-12-01", 2, "pool"', '"C", "B", "2023-12-03", 3', '"B", "D", "2023-12-06", 2, "gym"'
        ),
    ),
    Question(
        name="cultural_exploration_tour",
        prompt="You fly from E to A on 2023-12-25 for 4 nights, then from A to B on 2023-12-29 for 2 nights, then from B "
        "to D on 2024-01-01 for 3 nights, always in a hotel with wifi. Each time take the cheapest flight. In A and B "
        f"take the cheapest hotel that fits, in D the one with the highest rating. {_BUDGET}",
        value=2305,
        program=_trip(
            '"E", "A", "2023-12-25", 4, "wifi"',
            '"A", "B", "2023-12-29", 2, "wifi"',
            '"B", "D", "2024-01-01", 3, "wifi", best=True',
        ),
    ),
    Question(
        name="leisure_and_business_combo",
        prompt="You fly from E to D on 2023-08-15 for 3 nights in a hotel with wifi and a gym, then from D to A on "
        "2023-08-18 for 2 nights in a hotel with a pool, then from A to C on 2023-08-20 for 2 nights in a hotel with "
        f"wifi and a gym. {_CHEAP_EACH} {_BUDGET}",
        value=1851,
        program=_trip(
            '"E", "D", "2023-08-15", 3, "wifi", "gym"',
            '"D", "A", "2023-08-18", 2, "pool"',
            '"A", "C", "2023-08-20", 2, "wifi", "gym"',
        ),
    ),
    Question(
        name="grand_tour_vacation",
        prompt="You fly from E to C on 2023-12-01 for 2 nights, then from C to D on 2023-12-03 for 3 nights, then from D "
        "to B on 2023-12-06 for 2 nights, then from B to E on 2023-12-08 for 3 nights. Each time take the cheapest "
        f"flight and the hotel with the highest rating. {_BUDGET}",
        value=3295,
        program=_trip(
            '"E", "C", "2023-12-01", 2, best=True',
            '"C", "D", "2023-12-03", 3, best=True',
            '"D", "B", "2023-12-06", 2, best=True',
            '"B", "E", "2023-12-08", 3, best=True',
        ),
    ),
)

TRAVEL = Domain(
    name="travel_itinerary_planning",
    tools=tools,
    questions=QUESTIONS,
    prelude=_PRELUDE,
    documented=misdocumented,
)
