"""Generated travel and web tasks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from codeact.tasks.m3gen.dial import Dial, Draft, draft
from codeact.tasks.m3tooleval.travel import Flight
from codeact.tasks.naming import words
from codeact.tools import ToolSource


def travel(rng: random.Random, dial: Dial) -> Draft:
    """The cheapest flight of each leg. Branching: where that is too cheap to be true, the second cheapest."""
    stops = words(rng, dial.calls + 1)
    days = [f"2031-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}" for _ in range(dial.calls)]
    legs = list(zip(stops, stops[1:], days, strict=False))
    offers = {leg: [rng.randint(50, 999) for _ in range(dial.size)] for leg in legs}
    limit = 200

    def find_flights(from_location: str, to_location: str, date: str) -> list[Flight]:
        """All flights from one location to another on a day, which is written YYYY-MM-DD."""
        return [
            Flight(from_location=from_location, to_location=to_location, date=date, price=price)
            for price in offers.get((from_location, to_location, date), [])
        ]

    ranked = [sorted(offers[leg]) for leg in legs]
    rule = f" Where that costs less than {limit}, take the second cheapest, if there is one." if dial.branching else ""
    trip = "; ".join(f"from {start} to {to} on {day}" for start, to, day in legs)
    chosen = f"prices[1 if prices[0] < {limit} and len(prices) > 1 else 0]" if dial.branching else "prices[0]"
    program = (
        f"result = []\nfor leg in {legs}:\n"
        f'    prices = sorted(flight["price"] for flight in find_flights(*leg))\n    result.append({chosen})'
    )
    second = [dial.branching and prices[0] < limit and len(prices) > 1 for prices in ranked]
    value = [prices[1 if dearer else 0] for prices, dearer in zip(ranked, second, strict=True)]
    return draft(
        f"You travel {trip}. Each time take the cheapest flight.{rule} What do the legs cost, as a list in this order?",
        program,
        value,
        lambda: (find_flights,),
    )


@dataclass(slots=True)
class Site:
    """One visit to a site whose paths say nothing: every link has to be read."""

    pages: Mapping[str, str]
    url: str = "/"
    history: list[str] = field(default_factory=list[str])

    def view(self) -> str:
        """The page that is open. Links are written as: Name [/path]"""
        return self.pages[self.url]

    def click_url(self, url: str) -> str:
        """Follow a link, and view the page behind it."""
        if f"[{url}]" not in self.pages[self.url]:
            raise ValueError(f"there is no link {url!r} on this page")
        self.history.append(self.url)
        self.url = url
        return self.view()

    def go_to_previous_page(self) -> str:
        """Go back to the page before, and view it."""
        self.url = self.history.pop() if self.history else self.url
        return self.view()


def web(rng: random.Random, dial: Dial) -> Draft:
    """A code at the end of a trail. Branching: the trail is told by the numbers on the pages, and not by names."""
    pages: dict[str, str] = {}
    trail: list[str] = []
    codes: list[str] = []
    here = "/"
    for depth in range(dial.calls):
        names = words(rng, dial.size)
        paths = [f"/{rng.getrandbits(40):010x}" for _ in names]
        marks = rng.sample(range(100, 100 + 10 * dial.size), dial.size)
        chosen = marks.index(max(marks)) if dial.branching else rng.randrange(dial.size)
        codes.append(f"{rng.getrandbits(32):08x}")
        links = [f"{name}, number {mark} [{path}]" for name, mark, path in zip(names, marks, paths, strict=True)]
        pages[here] = "\n".join([f"Page {depth + 1}", f"Code: {codes[-1]}", *links])
        pages.update(dict.fromkeys(paths, "Nothing is here. Code: none"))
        trail.append(names[chosen])
        here = paths[chosen]
    steps = trail[:-1]
    how = (
        "each time the link with the highest number"
        if dial.branching
        else f"the links {', '.join(steps)} in this order"
    )
    where = f"follow {how}, {len(steps)} times in all" if steps else "stay there"
    pick = (
        r'path = max(re.findall(r"number (\d+) \[(.+)\]", page), key=lambda link: int(link[0]))[1]'
        if dial.branching
        else r'path = re.search(rf"{name}, number \d+ \[(.+)\]", page)[1]'
    )
    program = (
        f"import re\n\npage = view()\nfor name in {steps}:\n    {pick}\n    page = click_url(path)\n"
        'result = re.search("Code: (.+)", page)[1]'
    )
    return draft(
        f"Begin on the page that is open and {where}. What is the code on the page where you arrive?",
        program,
        codes[-1],
        lambda: _visit(pages),
    )


def _visit(pages: Mapping[str, str]) -> Sequence[ToolSource]:
    site = Site(pages)
    return site.view, site.click_url, site.go_to_previous_page
