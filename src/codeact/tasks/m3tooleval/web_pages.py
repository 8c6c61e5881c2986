"""The shop's web site: 55 pages of text, made of two tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codeact.tasks.m3tooleval.question import Edition


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    price: float
    before: float | None = None  # before a discount

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if self.name.endswith(kind))


@dataclass(frozen=True, slots=True)
class Person:
    """Fictional, made with a name faker."""

    name: str
    department: str
    expertise: str
    email: str
    phone: str


KINDS = ("Wand", "Potion", "Spellbook", "Crystal Ball")
DEPARTMENTS = ("Engineering", "Marketing", "Sales", "Customer Support")

ITEMS = (
    Item("Mystical Wand", 103.84),
    Item("Ancient Wand", 171.06),
    Item("Legendary Wand", 68.71),
    Item("Rare Wand", 142.77),
    Item("Enchanted Wand", 118.32, before=155.68),
    Item("Magical Wand", 91.69),
    Item("Enchanted Potion", 105.52),
    Item("Ancient Potion", 155.26),
    Item("Mystical Potion", 141.36),
    Item("Rare Potion", 86.71),
    Item("Legendary Potion", 82.93),
    Item("Enchanted Spellbook", 173.26),
    Item("Magical Spellbook", 90.15),
    Item("Legendary Spellbook", 181.45),
    Item("Magical Crystal Ball", 182.69),
    Item("Enchanted Crystal Ball", 89.72),
    Item("Legendary Crystal Ball", 130.84),
    Item("Ancient Crystal Ball", 82.89),
    Item("Mystical Crystal Ball", 163.36),
    Item("Rare Crystal Ball", 73.99),
)
PEOPLE = tuple(
    Person(*map(str.strip, line.split("|")))
    for line in """\
Allison Hill | Engineering | Wand/Spellbook | allison.hill@taylor.net | 296-500-1338
Meredith Barnes | Engineering | Spellbook/Wand | meredith.barnes@lawrence-pacheco.com | 001-626-254-2351x16155
Kimberly Dudley | Engineering | Potion/Wand | kimberly.dudley@miller-carter.org | (993)710-3413x164
Henry Santiago | Marketing | Wand/Spellbook | henry.santiago@zuniga.com | +1-232-576-4835
Renee Morales | Marketing | Crystal Ball/Wand | renee.morales@clark.com | 676.872.4238
Jennifer Robinson | Marketing | Wand/Crystal Ball | jennifer.robinson@hicks.com | 922-669-1669
Shannon Smith | Sales | Potion/Spellbook | shannon.smith@wilson.com | 346-627-0482
Katie Gonzalez | Sales | Wand/Spellbook | katie.gonzalez@farmer-ryan.net | 2955701543
Theresa Miller | Sales | Potion/Spellbook | theresa.miller@cabrera-spence.net | 001-822-778-2489x63834
Joseph Martinez | Sales | Crystal Ball/Wand | joseph.martinez@brown.org | +1-239-730-1031
David Caldwell | Customer Support | Spellbook/Wand | david.caldwell@ryan.org | 001-773-876-3116
Scott Brown | Customer Support | Potion/Spellbook | scott.brown@joyce.com | 633-938-7262
Thomas Ramos | Customer Support | Crystal Ball/Potion | thomas.ramos@garcia.com | 432-867-7360
James House | Customer Support | Spellbook/Wand | james.house@mitchell-horton.net | +1-972-434-3098x05009
Jordan York | Customer Support | Potion/Crystal Ball | jordan.york@larson.com | (719)639-9091x6998
Mike Allen | Customer Support | Wand/Crystal Ball | mike.allen@anderson-brewer.info | 310-579-9118x38425""".splitlines()
)
_EXECUTIVES = ("Chief Enchanter", "Head of Brewing", "Keeper of the Books")
_POSTS = ("Wand Maintenance", "Choosing a Potion")
_MISPLACED = {  # a hyphen where the links have an underscore
    "/team/customer_support": "/team/customer-support",
    "/blog/wand_maintenance": "/blog/wand-maintenance",
}


def pages(edition: Edition) -> Mapping[str, str]:
    """Text by path. In the paper's edition two lie under other paths than the links say, so eight cannot be reached."""
    site = dict([*_top_pages(), *_team_pages(), *_product_pages(edition)])
    return {_MISPLACED.get(path, path): text for path, text in site.items()} if edition == "paper" else site


def slug(name: str) -> str:
    return name.lower().replace(" ", "_")


def link(name: str, path: str) -> str:
    return f"{name} [{path}]"


def _top_pages() -> Iterator[tuple[str, str]]:
    menu = [link(name, f"/{name.lower()}") for name in ("About", "Products", "Blog", "Contact", "Team")]
    yield "/", _lines("The Wizards' Shop", "Everything for the working magician.", *menu)
    yield "/about", _lines("About us", "Three people lead the shop:", *(_to(name, "/about") for name in _EXECUTIVES))
    for name in _EXECUTIVES:
        yield f"/about/{slug(name)}", _lines(name, "Has led the shop since its first day.", link("About us", "/about"))
    yield "/contact", _lines("Contact", "Write to us, or send an owl.", link("Home", "/"))
    yield "/blog", _lines("Blog", "Our latest posts:", *(_to(name, "/blog") for name in _POSTS))
    for name in _POSTS:
        yield f"/blog/{slug(name)}", _lines(name, "Keep it dry, and ask before you try.", link("Blog", "/blog"))


def _team_pages() -> Iterator[tuple[str, str]]:
    yield "/team", _lines("Team", "Our departments:", *(_to(name, "/team") for name in DEPARTMENTS))
    for department in DEPARTMENTS:
        home = f"/team/{slug(department)}"
        members = [person for person in PEOPLE if person.department == department]
        yield home, _lines(department, "Who works here:", *(_to(person.name, home) for person in members))
        for person in members:
            yield (
                f"{home}/{slug(person.name)}",
                _lines(
                    person.name,
                    f"Department: {person.department}",
                    f"Expertise: {person.expertise}",
                    f"E-mail: {person.email}",
                    f"Phone: {person.phone}",
                    link(department, home),
                ),
            )


def _product_pages(edition: Edition) -> Iterator[tuple[str, str]]:
    yield "/products", _lines("Products", "What we sell:", *(_to(kind, "/products") for kind in KINDS))
    for kind in KINDS:
        home = f"/products/{slug(kind)}"
        items = [item for item in ITEMS if item.kind == kind]
        yield home, _lines(kind, "In stock:", *(_to(item.name, home) for item in items))
        for item in items:
            about = f"A {item.name.lower()} of the best quality."
            yield (
                f"{home}/{slug(item.name)}",
                _lines(item.name, about, f"Price: {_price(item, edition)}", link(kind, home)),
            )


def _price(item: Item, edition: Edition) -> str:
    if item.before is None:
        return f"${item.price}"
    off = round(100 * (1 - item.price / item.before))
    before = item.price if edition == "paper" else item.before  # there the new price stands in the old one's place
    return f"${item.price} ({off}% off, was ${before})"


def _to(name: str, home: str) -> str:
    return link(name, f"{home}/{slug(name)}")


def _lines(*lines: str) -> str:
    return "\n".join(lines)
