"""Errands of sending and making things: a number or a dish is followed from one function to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from codeact.tasks.answers import CENTS
from codeact.tasks.errands.errand import Errand, answering, errand
from codeact.tasks.naming import words
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource

ZONES = ("near", "middle", "far")


@dataclass(frozen=True, slots=True)
class Depot:
    """Parcels, and what it costs to send them."""

    weights: Mapping[str, float]  # kg, by number
    towns: Mapping[str, str]  # that a parcel goes to
    zones: Mapping[str, str]  # of towns
    rates: Mapping[tuple[str, str], float]  # of zone and service, for a kilogram
    services: Sequence[str]

    def parcel(self, number: str) -> dict[str, float | str]:
        """The weight in kg and the town of a parcel: keys `weight` and `town`."""
        if number not in self.weights:
            raise ValueError(f"there is no parcel {number!r}")
        return {"weight": self.weights[number], "town": self.towns[number]}

    def zone_of(self, town: str) -> str:
        """The zone of a town: near, middle or far."""
        return self.zones[town]

    def rate(self, zone: str, service: str) -> float:
        """What a kilogram costs in a zone by a service."""
        if service not in self.services:
            raise ValueError(f"there is no service {service!r}; there are: {', '.join(self.services)}")
        return self.rates[zone, service]

    def insurance(self, weight: float) -> float:
        """What insuring a parcel of that weight costs."""
        return round(0.5 + weight * 0.1, 2)

    def cost(self, number: str, service: str) -> float:
        return self.weights[number] * self.rates[self.zones[self.towns[number]], service]

    def tools(self) -> Sequence[ToolSource]:
        return self.parcel, self.zone_of, self.rate, self.insurance


def parcels(rng: Random) -> Errand:
    """What two parcels cost to send, or the cheapest way for one: weights, zones, and rates that depend on both."""
    numbers = [f"{letter}{rng.randint(100, 999)}" for letter in rng.sample("KLMNPQRS", 4)]
    towns = words(rng, 4)
    services = rng.sample(["van", "rail", "bike", "boat", "drone"], 3)
    depot = Depot(
        weights={number: rng.randint(2, 60) / 4 for number in numbers},
        towns={number: rng.choice(towns) for number in numbers},
        zones={town: rng.choice(ZONES) for town in towns},
        rates={(zone, service): rng.randint(40, 400) / 100 for zone in ZONES for service in services},
        services=services,
    )
    return rng.choice((_together, _cheapest))(rng, depot)


def _together(rng: Random, depot: Depot) -> Errand:
    numbers, way = rng.sample(sorted(depot.weights), 2), rng.choice(depot.services)
    code = f"""\
total = 0
for number in {numbers!r}:
    data = parcel(number)
    zone = zone_of(data["town"])
    cost = data["weight"] * rate(zone, "{way}")
    print(number, data, zone, cost)
    total += cost
total = round(total, 2)
print(total)"""
    thought = "A parcel gives weight and town, the town its zone, the zone the rate. I do it for both and add up."
    return errand(
        f"What does it cost to send the parcels {numbers[0]} and {numbers[1]} by {way}, both together? The cost "
        "of one is its weight times the rate of its town's zone. No insurance. Round to two decimals.",
        round(sum(depot.cost(number, way) for number in numbers), 2),
        [Cell(code, thought), answering(rng, "total")],
        depot.tools,
        2 * CENTS,
    )


def _cheapest(rng: Random, depot: Depot) -> Errand:
    """Where the services are not named, the expert learns them from an error."""
    number, named = rng.choice(sorted(depot.weights)), rng.random() < 0.5
    services = list(depot.services)
    looking = Cell(
        f'data = parcel("{number}")\nzone = zone_of(data["town"])\nprint(data, zone)',
        f"First I see what parcel {number} weighs, and in which zone its town is.",
    )
    guess = Cell(
        'print(rate(zone, "express"))',
        "I don't know which services there are. I try one; if it is wrong, the error may tell.",
    )
    code = f"""\
costs = {{way: data["weight"] * rate(zone, way) for way in {services!r}}}
print(costs)
best = min(costs, key=costs.get)
print(best)"""
    thought = "There are three services; I compare them." if named else "The error names the services. I compare them."
    told = f" There are the services {', '.join(services)}." if named else ""
    return errand(
        f"By which service is it cheapest to send parcel {number}? Without insurance, the cost is its weight times the "
        f"rate.{told}",
        min(services, key=lambda way: depot.cost(number, way)),
        [looking, *([] if named else [guess]), Cell(code, thought), answering(rng, "best")],
        depot.tools,
    )


@dataclass(frozen=True, slots=True)
class Kitchen:
    """Recipes, prices and what is in stock."""

    recipes: Mapping[str, Mapping[str, int]]  # grams of each ingredient for a person
    prices: Mapping[str, float]  # of a kilogram
    stock: Mapping[str, int]  # grams

    def recipe(self, dish: str) -> dict[str, int]:
        """The grams of each ingredient that one person needs."""
        if dish not in self.recipes:
            raise ValueError(f"there is no recipe {dish!r}; there are: {', '.join(self.recipes)}")
        return dict(self.recipes[dish])

    def price_per_kg(self, ingredient: str) -> float:
        """What a kilogram costs."""
        return self.prices[ingredient]

    def in_stock(self, ingredient: str) -> int:
        """How many grams of it are there."""
        return self.stock[ingredient]

    def calories(self, ingredient: str) -> int:
        """The kilocalories of 100 grams."""
        return 30 + len(ingredient) * 17

    def tools(self) -> Sequence[ToolSource]:
        return self.recipe, self.price_per_kg, self.in_stock, self.calories


GOODS = ("flour", "rice", "lentils", "butter", "cheese", "apples", "beans", "oats", "honey", "leeks")


def kitchen(rng: Random) -> Errand:
    """What a dish for some people costs, how much energy it has, or what has to be bought for it."""
    goods = rng.sample(GOODS, 6)
    dishes = [f"{word} {kind}" for word, kind in zip(words(rng, 3, 5), ("pie", "soup", "bake"), strict=True)]
    larder = Kitchen(
        recipes={dish: {name: rng.randint(1, 12) * 25 for name in rng.sample(goods, 3)} for dish in dishes},
        prices={name: rng.randint(10, 120) / 10 for name in goods},
        stock={name: rng.randint(0, 20) * 50 for name in goods},
    )
    dish, people = rng.choice(dishes), rng.randint(2, 9)
    thought = rng.choice((f"I begin with the recipe of {dish}.", "First the ingredients for one person."))
    looking = Cell(f'needs = recipe("{dish}")\nprint(needs)', thought)
    return rng.choice((_price, _shopping, _energy))(rng, larder, dish, people, looking)


def _price(rng: Random, larder: Kitchen, dish: str, people: int, looking: Cell) -> Errand:
    code = f"""\
cost = 0
for name, grams in needs.items():
    part = grams * {people} / 1000 * price_per_kg(name)
    print(name, part)
    cost += part
cost = round(cost, 2)
print(cost)"""
    thought = f"Grams times {people} people, in kilograms, times the price of each."
    cost = sum(grams * people / 1000 * larder.prices[name] for name, grams in larder.recipes[dish].items())
    return errand(
        f"What do the ingredients of {dish} for {people} people cost? Round to two decimals.",
        round(cost, 2),
        [looking, Cell(code, thought), answering(rng, "cost")],
        larder.tools,
        2 * CENTS,
    )


def _shopping(rng: Random, larder: Kitchen, dish: str, people: int, looking: Cell) -> Errand:
    code = f"""\
missing = {{}}
for name, grams in needs.items():
    short = grams * {people} - in_stock(name)
    print(name, short)
    if short > 0:
        missing[name] = short
print(missing)"""
    short = {name: grams * people - larder.stock[name] for name, grams in larder.recipes[dish].items()}
    return errand(
        f"How many grams of which ingredients have to be bought to make {dish} for {people} people, with what is in "
        "stock? Answer with a dictionary from ingredient to grams, without those of which there is enough.",
        {name: grams for name, grams in short.items() if grams > 0},
        [
            looking,
            Cell(code, "I compare what is needed with what is there; only what is short counts."),
            answering(rng, "missing"),
        ],
        larder.tools,
    )


def _energy(rng: Random, larder: Kitchen, dish: str, people: int, looking: Cell) -> Errand:
    code = (
        f"energy = sum(grams * {people} / 100 * calories(name) for name, grams in needs.items())\n"
        "energy = round(energy, 1)\nprint(energy)"
    )
    energy = sum(grams * people / 100 * larder.calories(name) for name, grams in larder.recipes[dish].items())
    return errand(
        f"How many kilocalories has {dish} for {people} people in all?",
        round(energy, 1),
        [
            looking,
            Cell(code, "calories is for 100 grams, so I divide by 100 and add up over the ingredients."),
            answering(rng, "energy"),
        ],
        larder.tools,
        0.1,
    )
