"""Web browsing: walk the shop's site, a few lines at a time, and look things up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from codeact.tasks.answers import CENTS
from codeact.tasks.m3tooleval.question import Domain, Edition, Question
from codeact.tasks.m3tooleval.trade import calculator_of
from codeact.tasks.m3tooleval.web_pages import ITEMS, PEOPLE, Item, Person, pages, slug
from codeact.tools import ToolSource

LINES = 5  # of a page in view


@dataclass(slots=True)
class Browser:
    """One visit to the site; it starts on `/`. Links are written as `Name [/path]`."""

    edition: Edition
    url: str = "/"
    top: int = 0  # first line in view
    history: list[str] = field(default_factory=list[str])

    def view(self) -> str:
        """The part of the page that is in view: five lines below a header with the page's name and the part's number.
        Links are written as: Name [/path]
        """
        lines = self._lines()
        overcounted = self.edition == "paper" and len(lines) % LINES == 0
        parts = -(-len(lines) // LINES) + overcounted
        header = f"--- {lines[0]}, part {self.top // LINES + 1} of {parts} ---"
        return "\n".join([header, *lines[self.top : self.top + LINES]])

    def click_url(self, url: str) -> str:
        """Go to a path of the site, such as "/about", and view it."""
        if url not in pages(self.edition):
            return f"[There is no page {url!r} on this site.]"
        self.history.append(self.url)
        return self._go(url)

    def go_to_previous_page(self) -> str:
        """Go back to the page before, and view it."""
        return self._go(self.history.pop()) if self.history else "[There is no page before this one.]"

    def scroll_down(self) -> str:
        """View the next part of the page."""
        if self.top + LINES >= len(self._lines()):
            return "[This is the end of the page.]"
        self.top += LINES
        return self.view()

    def scroll_up(self) -> str:
        """View the part of the page before this one."""
        if self.top == 0:
            return "[This is the beginning of the page.]"
        self.top -= LINES
        return self.view()

    def _go(self, url: str) -> str:
        self.url, self.top = url, 0
        return self.view()

    def _lines(self) -> list[str]:
        return pages(self.edition)[self.url].splitlines()


def tools(edition: Edition) -> Sequence[ToolSource]:
    visit = Browser(edition)
    return (
        visit.click_url,
        visit.go_to_previous_page,
        visit.scroll_down,
        visit.scroll_up,
        visit.view,
        calculator_of(edition),
    )


# An honest reader: goes only where a link that it has seen leads, and scrolls only for what is not in view yet.
_PRELUDE = """\
import re

here, seen = "/", view()

def go(path):
    global here, seen
    home = path.rpartition("/")[0] or "/"
    if LINK.format(path) not in seen and path != "/":
        if here != home:
            go(home)
        while LINK.format(path) not in seen:
            seen += scroll_down()
    here, page = path, click_url(path)
    seen += page
    return page

def look_up(path, label):
    return re.search(PATTERNS.get(label, f"{label}: (.+)"), go(path))[1]

def price(path):
    return re.search(r"\\$([\\d.]+)", look_up(path, "Price"))[1]

def links(home):
    text = go(home)
    number, parts = map(int, re.search(rf"{PART} (\\d+) of (\\d+)", text).groups())
    text += "".join(scroll_down() for _ in range(number, parts))
    link = re.escape(LINK).replace(r"\\{\\}", rf"({home}/\\w+)")
    return re.findall(rf"([\\w/][\\w/ ]*) {link}", text)

"""
# How pages write a link and a part of theirs, and which of the reader's labels they have under other words.
_OURS = """\
LINK, PART, PATTERNS = "[{}]", "part", {}
"""
_ORIGINAL = """\
LINK, PART = "[Clickable '{}']", "page"
PATTERNS = {"E-mail": "Email: (.+)", "Department": "of (.+) Department"}
"""


def _path(thing: Item | Person) -> str:
    home = f"/products/{slug(thing.kind)}" if isinstance(thing, Item) else f"/team/{slug(thing.department)}"
    return f"{home}/{slug(thing.name)}"


def _price_of(item: Item) -> Question:
    return Question(
        name=f"price_of_{slug(item.name)}",
        prompt=f"What is the price of the {item.name} in the shop?",
        value=item.price,
        program=f'result = float(price("{_path(item)}"))',
    )


def _detail(person: Person, name: str, label: str, value: str, asked: str) -> Question:
    return Question(
        name=f"{name}_of_{slug(person.name)}",
        original=f"phone_number_of_{slug(person.name)}" if name == "phone" else None,
        prompt=f"{asked} {person.name}, who works for the shop?",
        value=value,
        program=f'result = look_up("{_path(person)}", "{label}")',
    )


def _sum_of(number: int, names: Sequence[str], value: float, *, off: int = 0) -> Question:
    items = [next(item for item in ITEMS if item.name == name) for name in names]
    paths = "".join(f'    "{_path(item)}",\n' for item in items)
    reduced = f" * {1 - off / 100}" if off else ""
    together = f"{', '.join(names[:-1])} and {names[-1]}"
    discount = f" when a discount of {off} % is taken off" if off else ""
    program = (
        f"prices = [price(path) for path in [\n{paths}]]\nresult = calculator(f\"({{' + '.join(prices)}}){reduced}\")"
    )
    return Question(
        name="_".join(["reduced_sum" if off else "sum", *map(slug, names)]),
        original=f"total_price_of_selected_items{'_after_discount' if off else ''}_{number}",
        prompt=f"What do these cost together in the shop{discount}: {together}? Give two decimals.",
        value=value,
        program=program,
    )


def _head_count(department: str, count: int) -> Question:
    home = f"/team/{slug(department)}"
    return Question(
        name=f"people_in_{slug(department)}",
        prompt=f"How many people work in the shop's {department} department?",
        value=count,
        program=f'result = len(links("{home}"))',
    )


def _owner_of(person: Person) -> Question:
    home = f"/team/{slug(person.department)}"
    return Question(
        name=f"owner_of_phone_of_{slug(person.name)}",
        original=f"match_phone_number_to_person_{slug(person.name)}",
        prompt=f"Somebody in the shop's {person.department} department has the phone number {person.phone}. "
        "What is the name?",
        value=person.name,
        program=f"""\
for name, path in links("{home}"):
    if look_up(path, "Phone") == "{person.phone}":
        result = name
        break""",
    )


_ASKED = PEOPLE[:4]
_LEGENDARY = [item for item in ITEMS if item.name.startswith("Legendary")]
_FEW = ["Legendary Wand", "Enchanted Potion", "Magical Spellbook"]
_BALLS = ["Mystical Crystal Ball", "Rare Crystal Ball", "Magical Spellbook"]

QUESTIONS = (
    *map(_price_of, _LEGENDARY),
    *(_detail(person, "email", "E-mail", person.email, "What is the e-mail address of") for person in _ASKED),
    *(_detail(person, "department", "Department", person.department, "What is the department of") for person in _ASKED),
    *(_detail(person, "phone", "Phone", person.phone, "What is the phone number of") for person in _ASKED),
    *(_detail(person, "expertise", "Expertise", person.expertise, "What is the expertise of") for person in _ASKED),
    _sum_of(0, _FEW, 264.38),
    _sum_of(1, _BALLS, 327.5),
    _sum_of(2, ["Ancient Wand", "Mystical Wand", "Enchanted Potion"], 380.41999999999996),
    _sum_of(3, [*_BALLS, "Mystical Potion"], 468.86),
    _sum_of(0, _FEW, 237.942, off=10),
    _sum_of(1, ["Mystical Crystal Ball", "Magical Spellbook"], 228.15900000000002, off=10),
    _sum_of(2, ["Ancient Wand", "Enchanted Potion"], 248.922, off=10),
    _sum_of(3, ["Ancient Crystal Ball", "Rare Wand"], 203.09400000000002, off=10),
    _head_count("Sales", 4),
    _head_count("Customer Support", 6),
    *(_owner_of(person) for person in PEOPLE[12:]),
)

WEB = Domain(
    name="web_browsing", tools=tools, questions=QUESTIONS, tolerance=CENTS, any_case=True, prelude=_OURS + _PRELUDE
)
ORIGINAL_WEB = replace(WEB, prelude=_ORIGINAL + _PRELUDE)  # for the original's own pages
