"""A little world that does not exist: towns, people, organisations and works, tied to each other, with a page for each.

It is made from a seed and consistent in itself, so its questions have one answer, and nobody can know it beforehand.
Names come in families (Upper Velmora beside Velmora, two people of one surname), so that a search also finds the wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from codeact.tasks.search.index import Page
from codeact.tasks.search.wording import ROLES, Fact, filler, opening, worded


def _listed(names: str) -> list[str]:
    return names.split()


_STARTS = _listed(
    "Bel Cor Dra Ester Fal Gorm Hal Ister Jor Kel Lam Mor Nev Oster Per Quen Ros Sel Tor Ul Vel Wen Yar Zel"
)
_MIDDLES = _listed("a e i o u ami avi eno eri ilo ona ora umi")
_ENDS = _listed("bern dra grim kar lund mora nath ques rin sted tal ven wick zan")
_GIVEN = _listed(
    "Ada Bela Cato Dina Edo Fina Gero Hilda Ivo Jana Kaj Lida Milo Nora Otto Petra Runa Sava Tilda Ugo Vera Wim"
)
_OFTEN = ("Upper", "New", "Old", "Saint", "Little", "East")
_BODIES = ("Institute", "Society", "Guild", "Academy", "Bureau", "League")
_THINGS = _listed("Ledger Lantern Harbour Orchard Mirror Ferryman Almanac Compass Winter Garden Bridge Choir")
_QUALITIES = _listed("Salt Paper Copper Silent Crooked Borrowed Amber Second Northern Hollow Patient Burning")
_RELATIONS: Mapping[str, Mapping[str, str]] = {
    "town": {"mayor": "person"},
    "person": {"birthplace": "town", "employer": "organisation", "teacher": "person"},
    "organisation": {"founder": "person", "seat": "town"},
    "work": {"creator": "person", "setting": "town"},
}


@dataclass(frozen=True, slots=True)
class Entity:
    """What a page is about."""

    title: str
    kind: str  # town, person, organisation or work
    role: str = ""  # what kind of work, or a person's profession
    facts: dict[str, Fact] = field(default_factory=dict[str, Fact])


@dataclass(frozen=True, slots=True)
class World:
    entities: Mapping[str, Entity]  # by title
    pages: Sequence[Page]

    def of(self, kind: str) -> list[Entity]:
        return [entity for entity in self.entities.values() if entity.kind == kind]


def make_world(seed: int, size: int) -> World:
    """The world of a seed, with `size` entities of each kind."""
    rng = Random(f"world {seed} {size}")  # noqa: S311 -- not for secrets
    entities = {kind: _named(rng, kind, size) for kind in _RELATIONS}
    for entity, values in _values(rng, entities):
        for key in sorted(values):
            entity.facts[key] = worded(rng, entity.kind, key, entity.title, values[key])
    pages = [_page(rng, entity, members) for members in entities.values() for entity in members]
    rng.shuffle(pages)
    return World({entity.title: entity for members in entities.values() for entity in members}, pages)


def related(kind: str) -> Mapping[str, str]:
    """The facts of a kind that lead to another page, and to which kind."""
    return _RELATIONS[kind]


def _values(rng: Random, entities: Mapping[str, Sequence[Entity]]) -> Iterator[tuple[Entity, dict[str, str]]]:
    """What is true of each. Nobody is taught by the unborn, works for what does not exist yet, or founds as a child."""
    born = {person.title: rng.randint(1900, 1985) for person in entities["person"]}
    founders = {body.title: rng.choice(list(born)) for body in entities["organisation"]}
    founded = {body: born[founder] + rng.randint(20, 45) for body, founder in founders.items()}
    towns = [town.title for town in entities["town"]]
    for town, river in zip(entities["town"], _fresh(len(towns), lambda: _word(rng)), strict=True):
        numbers = {"population": f"{rng.randint(2_000, 90_000):,}", "founded": str(rng.randint(1150, 1790))}
        yield town, {**numbers, "river": river, "mayor": rng.choice(list(born))}
    for person in entities["person"]:
        ties = _ties(rng, born[person.title], born, founded)
        yield person, {"born": str(born[person.title]), "birthplace": rng.choice(towns), **ties}
    for body in entities["organisation"]:
        numbers = {"founded": str(founded[body.title]), "members": f"{rng.randint(110, 9_900):,}"}
        yield body, {**numbers, "founder": founders[body.title], "seat": rng.choice(towns)}
    for work in entities["work"]:
        creator = rng.choice(list(born))
        year = born[creator] + rng.randint(20, 55)
        yield work, {"creator": creator, "year": str(year), "setting": rng.choice(towns)}


def _ties(rng: Random, year: int, born: Mapping[str, int], founded: Mapping[str, int]) -> dict[str, str]:
    """The teacher and the employer of somebody born in this year; the oldest have none."""
    possible = {
        "teacher": [other for other, theirs in born.items() if 12 <= year - theirs <= 60],
        "employer": [body for body, theirs in founded.items() if theirs <= year + 50],
    }
    return {key: rng.choice(titles) for key, titles in possible.items() if titles}


def _page(rng: Random, entity: Entity, kin: Sequence[Entity]) -> Page:
    useless = _fresh(2, lambda: filler(rng, _other(rng, kin, entity).title))
    sentences = [*(fact.sentence for fact in entity.facts.values()), *useless]
    rng.shuffle(sentences)
    return Page(entity.title, " ".join([opening(rng, entity.kind, entity.title, entity.role), *sentences]))


def _other(rng: Random, members: Sequence[Entity], entity: Entity) -> Entity:
    return rng.choice([member for member in members if member.title != entity.title])


def _named(rng: Random, kind: str, size: int) -> list[Entity]:
    base: list[str] = []  # the names so far, to be varied

    def name() -> str:
        if base and rng.random() < 0.5:
            made = _variant(rng, kind, rng.choice(base))
        else:
            made = _new(rng, kind)
            base.append(made)
        return made

    roles = ROLES.get(kind, ("",))
    return [Entity(title, kind, rng.choice(roles)) for title in _fresh(size, name)]


def _fresh(size: int, make: Callable[[], str]) -> list[str]:
    """So many different ones."""
    found: dict[str, None] = {}
    while len(found) < size:
        found[make()] = None
    return list(found)


def _new(rng: Random, kind: str) -> str:
    match kind:
        case "town":
            return _word(rng)
        case "person":
            return f"{rng.choice(_GIVEN)} {_word(rng)}"
        case "organisation":
            return f"{_word(rng)} {rng.choice(_BODIES)}"
        case _:
            return f"The {rng.choice(_QUALITIES)} {rng.choice(_THINGS)}"


def _variant(rng: Random, kind: str, name: str) -> str:
    first, _, last = name.rpartition(" ")
    match kind:
        case "town":
            return f"{rng.choice(_OFTEN)} {last}"
        case "person":
            return f"{rng.choice(_GIVEN)} {last}"
        case "organisation":
            return f"{first} {rng.choice(_BODIES)}"
        case _:
            return f"{first} {rng.choice(_THINGS)}"


def _word(rng: Random) -> str:
    return rng.choice(_STARTS) + rng.choice(_MIDDLES) + rng.choice(_ENDS)
