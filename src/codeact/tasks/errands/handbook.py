"""Errands in a handbook of linked pages: nobody says where a thing is told, so one follows the links that are seen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random

from codeact.tasks.answers import Expected
from codeact.tasks.base import Environment
from codeact.tasks.errands.errand import Errand
from codeact.tasks.naming import words
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource

PER_SHEET = 5  # lines of a page that are shown at a time


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    lines: Sequence[str]
    links: Mapping[str, str] = field(default_factory=dict[str, str])  # what a link is called, and the page it leads to


@dataclass(slots=True)
class Handbook:
    """Pages and where its reader is."""

    pages: Mapping[str, Page]
    marks: str  # around links, as in <{}>
    addressed: bool = False  # whether an address stands between the marks, and the link's name before them
    counted: bool = False  # whether a sheet says which of how many it is, or only that there is more
    way: list[str] = field(default_factory=lambda: ["start"])
    sheet: int = 0
    succeeded: bool | None = field(default=None, init=False)

    def read(self) -> str:
        """The sheet of the page that lies open."""
        title, lines = self.pages[self.way[-1]].title, self._lines()
        shown = lines[PER_SHEET * self.sheet : PER_SHEET * (self.sheet + 1)]
        if self.counted:
            return "\n".join([f"# {title}, sheet {self.sheet + 1} of {-(-len(lines) // PER_SHEET)}", *shown])
        more = len(lines) > PER_SHEET * (self.sheet + 1)
        return "\n".join([f"# {title}", *shown, *(["(turn over for more)"] if more else [])])

    def follow(self, link: str) -> str:
        """Go where a link of this page leads: `link` is what stands between its marks. Gives the first sheet there."""
        targets = {self.called(name): target for name, target in self.pages[self.way[-1]].links.items()}
        if link not in targets:
            raise ValueError(f"no link {link!r} on this page; look at it with read()")
        self.way.append(targets[link])
        self.sheet = 0
        return self.read()

    def turn_over(self) -> str:
        """The next sheet of the same page."""
        if len(self._lines()) <= PER_SHEET * (self.sheet + 1):
            raise ValueError("this is the page's last sheet")
        self.sheet += 1
        return self.read()

    def leave(self) -> str:
        """Back to the page that was open before; gives its first sheet."""
        if len(self.way) == 1:
            raise ValueError("this is the handbook's first page")
        self.way.pop()
        self.sheet = 0
        return self.read()

    @property
    def tools(self) -> Sequence[ToolSource]:
        return self.read, self.follow, self.turn_over, self.leave

    def called(self, link: str) -> str:
        """What stands between the marks of a link of the open page."""
        return self.pages[self.way[-1]].links[link].lower().replace(" ", "-") if self.addressed else link

    def shows(self, link: str) -> bool:
        """Whether a link stands on the open sheet."""
        return self._line(link) in self.read().splitlines()

    def _lines(self) -> list[str]:
        page = self.pages[self.way[-1]]
        return [*page.lines, *map(self._line, page.links)]

    def _line(self, link: str) -> str:
        marked = self.marks.format(self.called(link))
        return f"{link} {marked}" if self.addressed else marked


@dataclass(frozen=True, slots=True)
class Topic:
    """A chapter of the handbook: things of one kind, each on a page of its own."""

    chapter: str
    about: str
    asks: str  # how a fact is asked for: `{fact}` and `{thing}`
    facts: Mapping[str, Sequence[str]]  # and their possible values


TOPICS = (
    Topic("Colleagues", "who does what here", "What is the {fact} of {thing}, who works at the ferry line?",
          {"extension": ("112", "207", "318", "445", "526"), "cabin": ("B-3", "C-11", "D-7"),
           "duty": ("deck", "engine", "kitchen", "tickets")}),
    Topic("Fleet", "all boats", "What is the {fact} of the boat {thing}?",
          {"draught": ("1.2 m", "1.9 m", "2.4 m"), "berth": ("North 4", "South 1", "Pier 9"),
           "year": ("1978", "1996", "2011")}),
    Topic("Harbours", "where we land", "What is the {fact} of the harbour of {thing}?",
          {"radio channel": ("9", "12", "69", "72"), "tide table": ("T-1", "T-4", "T-6"),
           "harbour fee": ("18 euros", "25 euros", "31 euros")}),
    Topic("Rules", "what to do when", "What is the {fact} of the rule called {thing}?",
          {"number": ("R-14", "R-22", "R-31", "R-57"), "penalty": ("a warning", "40 euros", "a day off"),
           "approval": ("captain", "office", "nobody")}),
    Topic("Events", "feasts and trips", "What is the {fact} of the event {thing}?",
          {"date": ("3 May", "17 June", "9 August"), "organiser": ("the kitchen", "the office", "the crew"),
           "price": ("12 euros", "free", "35 euros")}),
)  # fmt: skip
BESIDE = (("Welcome", "Nothing but a greeting."), ("History", "Founded by two brothers."), ("Map", "A drawing."))
GROUPS = ("A to K", "L to Z")


def handbook(rng: Random) -> Errand:
    """A fact of one thing. The expert looks first, and follows only what it has seen."""
    book, way = _book(rng)
    topic, thing, fact, value = way.topic, way.thing, way.fact, way.value
    cells = [
        Cell(
            "print(read())",
            rng.choice(("First I see what is on this page.", "I look where I am before I go anywhere.")),
        )
    ]
    reader = replace(book, way=["start"])
    if rng.random() < 0.3:
        cells += _astray(rng, reader, topic, thing)
    for link in (topic.chapter, *([way.group] if way.group else []), thing):
        cells += _to(rng, reader, link, why=_why(rng, topic, link, thing))
    while f"{fact}: {value}" not in reader.read():
        reader.turn_over()
        cells.append(Cell("print(turn_over())", f"The {fact} is not on this sheet, but there is more."))
    cells.append(
        Cell(
            f"final_answer({value!r})", rng.choice((f"It says {fact}: {value}.", f"Here it is: the {fact} is {value}."))
        )
    )

    @asynccontextmanager
    async def open_book(actions: str) -> AsyncGenerator[Environment]:
        yield replace(book, way=["start"])

    asked = topic.asks.format(fact=fact, thing=thing)
    return Errand(prompt=f"{asked} It is told in the handbook.", cells=cells, open=open_book, judge=Expected(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What is asked for, and where it is."""

    topic: Topic
    group: str
    thing: str
    fact: str
    value: str


def _book(rng: Random) -> tuple[Handbook, Way]:
    pages: dict[str, Page] = {}
    chapters = rng.sample(TOPICS, rng.randint(3, 5))
    grouped = rng.random() < 0.4
    ways: list[Way] = []
    for topic in chapters:
        names = words(rng, rng.randint(2, 8), rng.randint(4, 7))
        for name in names:
            facts = {fact: rng.choice(values) for fact, values in topic.facts.items()}
            told = [f"{fact}: {value}" for fact, value in facts.items()]
            padding = [f"Note {place}: see there." for place in range(1, rng.choice((1, 1, 1, 5)))]
            pages[f"{topic.chapter}/{name}"] = Page(name, [*padding, *told])
            ways += [
                Way(topic=topic, group=_group(name) if grouped else "", thing=name, fact=fact, value=value)
                for fact, value in facts.items()
            ]
        leaves = {name: f"{topic.chapter}/{name}" for name in names}
        pages[topic.chapter] = Page(topic.chapter, [f"Here is {topic.about}."], leaves)
        if grouped:
            for group in GROUPS:
                inside = {name: target for name, target in leaves.items() if _group(name) == group}
                pages[f"{topic.chapter}/{group}"] = Page(f"{topic.chapter}, {group}", ["By first letter."], inside)
            pages[topic.chapter] = Page(
                topic.chapter, [f"Here is {topic.about}."], {g: f"{topic.chapter}/{g}" for g in GROUPS}
            )
    beside = rng.sample(BESIDE, rng.randint(1, 3))
    pages |= {title: Page(title, [text]) for title, text in beside}
    titles = [*(topic.chapter for topic in chapters), *(title for title, _ in beside)]
    rng.shuffle(titles)
    pages["start"] = Page("Handbook of the ferry line", ["For everybody on board."], {title: title for title in titles})
    marks = rng.choice(("<{}>", "[[{}]]", "* {} *", "({})"))
    return Handbook(pages, marks, rng.random() < 0.5, rng.random() < 0.5), rng.choice(ways)


def _group(name: str) -> str:
    return GROUPS[name[0] > "K"]


def _to(rng: Random, reader: Handbook, link: str, why: str) -> list[Cell]:
    """From the open page along a link, turning over until it is seen."""
    cells: list[Cell] = []
    while not reader.shows(link):
        reader.turn_over()
        thought = rng.choice(
            ("What I want is not on this sheet; there is more of it.", "I don't see it yet, so I turn over.")
        )
        cells.append(Cell("print(turn_over())", thought))
    called = reader.called(link)
    reader.follow(called)
    return [*cells, Cell(f'print(follow("{called}"))', why)]


def _astray(rng: Random, reader: Handbook, topic: Topic, thing: str) -> list[Cell]:
    """To a page that might have told it, and back."""
    titles = [title for title in reader.pages["start"].links if title != topic.chapter]
    going = _to(rng, reader, rng.choice(titles), f"None of these names {thing}. I try one of them.")
    reader.leave()
    back = (f"{thing} is not told of here, so I go back and try another.", f"No {thing} here. Back to the page before.")
    return [*going, Cell("print(leave())", rng.choice(back))]


def _why(rng: Random, topic: Topic, link: str, thing: str) -> str:
    if link == topic.chapter:
        return rng.choice(
            (f"{thing} will be told of under {link}. I follow that link.", f"Of these links, {link} fits best.")
        )
    if link in GROUPS:
        return f"{thing} begins with {thing[0]}, so {link}."
    return rng.choice((f"There is {thing}. I open that page.", f"{thing} is a link here, so I follow it."))
