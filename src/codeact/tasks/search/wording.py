"""How the pages of the generated encyclopedia say things: each fact in several wordings, between things of no use.

A wording is a sentence with `{self}` for what the page is about and `{value}` for the fact. The words around the value
are what a reader finds it by.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

FACTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "town": {
        "population": (
            "The last census counted {value} inhabitants.",
            "{self} is home to {value} people.",
            "Some {value} people live within its old walls.",
        ),
        "founded": (
            "Its charter was granted in {value}, after a long quarrel over tolls.",
            "Settlers from the coast founded it in {value}.",
            "The town dates from {value}, when the first ferry was built.",
        ),
        "river": (
            "It lies on the river {value}, which turns the mills below the market.",
            "The houses stand on both banks of the {value}, and floods are frequent.",
            "Barges come up the {value} as far as the town bridge.",
        ),
        "mayor": (
            "The mayor is {value}, now in a second term.",
            "Since the last election the town hall has been led by {value}, who won by a few votes.",
            "The office of mayor is held by {value}, a former ferry inspector.",
        ),
    },
    "person": {
        "born": (
            "{self} was born in the spring of {value}, the youngest of six.",
            "The parish book gives {value} as the year of birth.",
            "Born in {value}, {self} learned to read from almanacs.",
        ),
        "birthplace": (
            "The family house in {value}, where the birth took place, is now a bakery.",
            "A native of {value}, {self} kept its accent for life.",
            "The birthplace is {value}, although two other towns claim it.",
        ),
        "employer": (
            "For many years {self} has been on the staff of the {value}, first as a clerk.",
            "The present employer is the {value}, which pays badly but on time.",
            "{self} works for the {value}, mostly at night.",
        ),
        "teacher": (
            "The craft was learned from {value}, whom the letters mention often.",
            "As a pupil of {value}, {self} was taught to distrust applause.",
            "{self} was taught by {value}, and the two quarrelled for years.",
        ),
    },
    "organisation": {
        "founded": (
            "It was set up in {value}, in the back room of an inn.",
            "The founding deed bears the date of {value}, written in green ink.",
            "It has existed since {value}, with one interruption.",
        ),
        "founder": (
            "Its founder was {value}, who also paid for the first desk.",
            "It goes back to an idea of {value}, the founder, and a large debt.",
            "{value} founded it against the advice of everybody.",
        ),
        "seat": (
            "Its offices are in {value}, above a shop for ropes.",
            "The seat is in {value}, where it owns a tower.",
            "It is based in {value}, near the fish market.",
        ),
        "members": (
            "It has {value} members, most of whom never write.",
            "The register lists {value} members at present.",
            "With {value} members it fills its hall twice a year.",
        ),
    },
    "work": {
        "creator": (
            "It was made by {value}, who called it a failure.",
            "It is a work of {value}, finished within nine weeks.",
            "The piece is by {value}, as a letter found later has proved.",
        ),
        "year": (
            "It was first shown in {value}, to an almost empty room.",
            "The public first saw it in {value}, after two delays.",
            "Its first night, in {value}, ended in a brawl.",
        ),
        "setting": (
            "The story is set in {value}, during a hard winter.",
            "All of it takes place in {value}, between two market days.",
            "The scene is {value}, drawn with great care.",
        ),
    },
}
OPENINGS: Mapping[str, Sequence[str]] = {
    "town": ("{self} is a town in the {region}.", "{self} is a market town of the {region}."),
    "person": ("{self} is {role} from the {region}.", "{self} is best known as {role}."),
    "organisation": ("The {self} is a body of the {region}.", "The {self} looks after {care}."),
    "work": ("{self} is {role}.", "{self} is {role} in three parts."),
}
FILLERS = (
    "A plaque was put up in {year} and stolen in {later}.",
    "A stamp of {year} shows a heron instead.",
    "The archive burned down in {year}, and {number} letters were lost.",
    "Older handbooks spell the name differently.",
    "A street of that name was renamed in {year}.",
    "It is often confused with {similar}.",
    "The entry should not be mixed up with {similar}.",
)
REGIONS = ("Amber Hills", "Lower Fens", "Northern Reach", "Salt Coast", "Three Valleys", "Upper Marches")
ROLES: Mapping[str, Sequence[str]] = {
    "person": ("bell founder", "botanist", "cartographer", "composer", "engraver", "playwright", "surveyor", "weaver"),
    "work": ("novel", "opera", "film", "play", "poem", "radio play"),
}
CARES = ("bridges", "lighthouses", "old orchards", "tide tables", "town clocks", "wells")

_LEFT = re.compile(r"(?:[\w',]+ ){0,5}\Z")  # the words that stand before a value
_RIGHT = re.compile(r"\A[,.]|\A [\w']+(?: [\w']+)?")  # and what comes after it


@dataclass(frozen=True, slots=True)
class Fact:
    """A value, the sentence of the page that says it, and a regular expression that finds it there."""

    value: str
    sentence: str
    pattern: str


def worded(rng: Random, kind: str, key: str, title: str, value: str) -> Fact:
    """A fact in one of its wordings."""
    wording = rng.choice(FACTS[kind][key])
    before, _, after = wording.partition("{value}")
    left, right = _LEFT.search(before.replace("{self}", title)), _RIGHT.match(after.replace("{self}", title))
    anchors = (re.escape(found[0]).replace("\\ ", " ") if found else "" for found in (left, right))
    start, end = anchors
    kind_of_value = r"([\d,]*\d)" if value[:1].isdigit() else r"([A-Z][\w' ]+?)"
    sentence = wording.replace("{self}", title).replace("{value}", value)
    return Fact(value, sentence, f"{start}{kind_of_value}{end}")


def opening(rng: Random, kind: str, title: str, role: str) -> str:
    """The first sentence of a page."""
    article = "an" if role[:1] in "aeiou" else "a"
    return rng.choice(OPENINGS[kind]).format(
        self=title, role=f"{article} {role}", region=rng.choice(REGIONS), care=rng.choice(CARES)
    )


def filler(rng: Random, similar: str) -> str:
    """A sentence of no use; `similar` is the title of another page."""
    year = rng.randint(1700, 1950)
    return rng.choice(FILLERS).format(
        year=year, later=year + rng.randint(1, 40), number=rng.randint(20, 900), similar=similar
    )
