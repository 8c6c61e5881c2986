"""Errands with figures: offers that stand in the task, worked out by functions and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from codeact.tasks.answers import CENTS
from codeact.tasks.errands.errand import Errand, answering, check_kind, errand
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource
from codeact.types import JSON


def printing_price(pages: int, per_page: float) -> float:
    """What so many pages cost."""
    return round(pages * per_page, 4)


def less_percent(amount: float, percent: float) -> float:
    """The amount with so many percent of it taken off; 20 means 20 %."""
    return round(amount * (1 - percent / 100), 4)


def plus_percent(amount: float, percent: float) -> float:
    """The amount with so many percent of it added; 20 means 20 %."""
    return round(amount * (1 + percent / 100), 4)


def percent_of(amount: float, percent: float) -> float:
    """So many percent of the amount, alone: 20 percent of 50 are 10."""
    return round(amount * percent / 100, 4)


def in_francs(euros: float, rate: float) -> float:
    """Euros in francs; `rate` is the francs for one euro."""
    return round(euros * rate, 4)


def full_price(pages: int, per_page: float, rebate: float, tax: float) -> float:
    """The price of the pages, less a rebate in percent, plus tax in percent of what is left."""
    return plus_percent(less_percent(printing_price(pages, per_page), rebate), tax)


def lowest_amount(*amounts: float) -> float:
    """The lowest of the amounts."""
    return min(_numbers(amounts))


def highest_amount(*amounts: float) -> float:
    """The highest of the amounts."""
    return max(_numbers(amounts))


def difference_of(first: float, second: float) -> float:
    """The first amount minus the second."""
    return round(first - second, 4)


def sum_of(amounts: Sequence[float]) -> float:
    """The amounts of a list added up."""
    return round(sum(_numbers(amounts)), 4)


def _numbers(amounts: Sequence[float]) -> Sequence[float]:
    check_kind(amounts, int | float, "an amount is a number")
    return amounts


TOOLS: Sequence[ToolSource] = (
    printing_price, in_francs, lowest_amount, highest_amount, difference_of, sum_of,
)  # fmt: skip
NUMBERS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Offer:
    pages: int
    per_page: float
    rebate: int  # percent
    tax: int  # percent

    @property
    def price(self) -> float:
        return full_price(self.pages, self.per_page, self.rebate, self.tax)

    def told(self) -> str:
        return f"{self.pages} pages at {self.per_page} euros, rebate {self.rebate} %, tax {self.tax} %"


def offers(rng: Random) -> Errand:
    """What is asked of two or three offers: worked out step by step, or by the function that does all steps."""
    made = [
        Offer(
            pages=rng.randint(2, 90) * 10,
            per_page=rng.randint(2, 45) / 20,
            rebate=rng.choice((5, 10, 12, 15, 25)),
            tax=rng.choice((4, 7, 19, 20)),
        )
        for _ in range(rng.randint(2, 3))
    ]
    names = NUMBERS[: len(made)]
    prices = [offer.price for offer in made]
    question, line, name, value, thought = _asked(rng, names, prices)
    way = rng.choice(WAYS)
    cells = way.cells(rng, made, names)
    told = " ".join(f"The {name}: {offer.told()}." for name, offer in zip(names, made, strict=True))
    tools = rng.sample([*TOOLS, *way.tools], len(TOOLS) + len(way.tools))
    if rng.random() < 0.3 and isinstance(value, float):
        rate = rng.randint(91, 118) / 100
        line, value = f"{line}\n{name} = in_francs({name}, {rate})", in_francs(value, rate)
        question = f"{question} Give it in francs, at {rate} francs for a euro."
        thought = f"{thought} Then the outcome in francs."
    return errand(
        "A printer's price is pages times the price of a page, less the rebate (a percentage of that), plus tax (a "
        f"percentage of what is left). There are {len(made)} offers. {told} {question}",
        value,
        [*cells, Cell(f"{line}\nprint({name})", thought), answering(rng, name)],
        lambda: tools,
        2 * CENTS,
    )


def _asked(rng: Random, names: Sequence[str], prices: Sequence[float]) -> tuple[str, str, str, JSON, str]:
    listed = ", ".join(names)
    return rng.choice(
        (
            ("What is the lowest price?", f"price = lowest_amount({listed})", "price", min(prices),
             "Now the lowest of them; the amounts are arguments of their own."),
            ("What is the highest price?", f"price = highest_amount({listed})", "price", max(prices),
             "Now the highest of them; the amounts are arguments of their own."),
            ("What are the prices, as a list in this order?", f"prices = [{listed}]", "prices", list(prices),
             "A list of them, in the order of the offers."),
            ("What do all offers cost together?", f"total = sum_of([{listed}])", "total", round(sum(prices), 4),
             "I add them up; sum_of takes a list."),
            ("By how much is the first more expensive than the second? If it is cheaper, the number is negative.",
             "more = difference_of(first, second)", "more", round(prices[0] - prices[1], 4),
             "The first minus the second."),
            ("Which offer is the cheapest: " + ", ".join(names[:-1]) + f" or {names[-1]}? Answer with that word.",
             "prices = {" + ", ".join(f'"{name}": {name}' for name in names) + "}\nwhich = min(prices, key=prices.get)",
             "which", names[prices.index(min(prices))], "I compare them by name."),
        )
    )  # fmt: skip


def _at_once(rng: Random, made: Sequence[Offer], names: Sequence[str]) -> list[Cell]:
    lines = [
        f"{name} = full_price({offer.pages}, {offer.per_page}, {offer.rebate}, {offer.tax})"
        for name, offer in zip(names, made, strict=True)
    ]
    return [
        Cell(
            "\n".join([*lines, f"print({', '.join(names)})"]),
            rng.choice(
                (
                    "full_price does all steps of an offer, with percentages as they are. One call for each.",
                    "There is a function for the whole price: full_price. The figures are in the task.",
                )
            ),
        )
    ]


def _by_steps(rng: Random, made: Sequence[Offer], names: Sequence[str]) -> list[Cell]:
    return [
        Cell(
            f"{name} = printing_price({offer.pages}, {offer.per_page})\n"
            f"{name} = less_percent({name}, {offer.rebate})\n"
            f"{name} = plus_percent({name}, {offer.tax})\nprint({name})",
            rng.choice(
                (
                    f"The {name} offer: the pages, less {offer.rebate} %, plus {offer.tax} %.",
                    f"Now the {name} one, step by step: price of the pages, rebate, tax.",
                )
            ),
        )
        for name, offer in zip(names, made, strict=True)
    ]


def _by_parts(rng: Random, made: Sequence[Offer], names: Sequence[str]) -> list[Cell]:
    """Where a function gives the percentage alone, it has to be taken off or added."""
    told = ", ".join(f"({offer.pages}, {offer.per_page}, {offer.rebate}, {offer.tax})" for offer in made)
    code = f"""\
prices = []
for pages, per_page, rebate, tax in [{told}]:
    price = printing_price(pages, per_page)
    price = price - percent_of(price, rebate)
    price = price + percent_of(price, tax)
    print(pages, price)
    prices.append(price)
{", ".join(names)} = prices"""
    return [
        Cell(
            code,
            rng.choice(
                (
                    "percent_of gives the rebate and the tax alone, so I take the one off and add the other.",
                    "For each offer: the pages' price, minus the rebate, plus the tax on what is left. I print all.",
                )
            ),
        )
    ]


@dataclass(frozen=True, slots=True)
class Way:
    """How prices are worked out, and the functions for it."""

    tools: Sequence[ToolSource]
    cells: Callable[[Random, Sequence[Offer], Sequence[str]], list[Cell]]


WAYS = (
    Way((full_price, less_percent, plus_percent), _at_once),
    Way((less_percent, plus_percent), _by_steps),
    Way((percent_of,), _by_parts),
    Way((percent_of,), _by_parts),
)
