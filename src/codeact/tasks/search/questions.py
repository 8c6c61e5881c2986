"""Questions about a generated world: chains of facts over one to three pages, and comparisons of two numbers.

A *bridge* follows facts from page to page: "In which year was the founder of the … born?". A *comparison* asks how far
two numbers are apart, one of which may be a page further away; so even the choice between two cannot be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from codeact.tasks.search.wording import Fact
from codeact.tasks.search.world import Entity, World, related

Kind = Literal["bridge", "comparison"]

_LINKS: Mapping[tuple[str, str], str] = {
    ("town", "mayor"): "the mayor of {}",
    ("person", "birthplace"): "the town in which {} was born",
    ("person", "employer"): "the organisation that employs {}",
    ("person", "teacher"): "the teacher of {}",
    ("organisation", "founder"): "the founder of {}",
    ("organisation", "seat"): "the town in which {} has its seat",
    ("work", "creator"): "the creator of {}",
    ("work", "setting"): "the town in which {} is set",
}
_ASKED: Mapping[tuple[str, str], str] = {
    ("town", "population"): "How many inhabitants does {} have?",
    ("town", "founded"): "In which year was {} founded?",
    ("town", "river"): "On which river does {} lie?",
    ("town", "mayor"): "Who is the mayor of {}?",
    ("person", "born"): "In which year was {} born?",
    ("person", "birthplace"): "In which town was {} born?",
    ("person", "employer"): "For which organisation does {} work?",
    ("person", "teacher"): "Who was the teacher of {}?",
    ("organisation", "founded"): "In which year was {} founded?",
    ("organisation", "founder"): "Who founded {}?",
    ("organisation", "seat"): "In which town does {} have its seat?",
    ("organisation", "members"): "How many members does {} have?",
    ("work", "creator"): "Who made {}?",
    ("work", "year"): "In which year was {} first shown?",
    ("work", "setting"): "In which town is {} set?",
}
_COMPARED: Mapping[tuple[str, str], str] = {
    ("town", "population"): "By how many inhabitants do {} and {} differ?",
    ("town", "founded"): "How many years lie between the founding of {} and that of {}?",
    ("person", "born"): "How many years lie between the birth of {} and that of {}?",
    ("organisation", "founded"): "How many years lie between the founding of {} and that of {}?",
    ("organisation", "members"): "By how many members do {} and {} differ?",
    ("work", "year"): "How many years lie between the first showing of {} and that of {}?",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """The way from a name to a fact: one page a fact, and each but the last is the title of the next page."""

    start: Entity
    keys: Sequence[str]
    facts: Sequence[Fact]
    words: str  # what the last page is about, as a question says it

    @property
    def value(self) -> str:
        return self.facts[-1].value

    @property
    def titles(self) -> set[str]:
        return {self.start.title, *(fact.value for fact in self.facts[:-1])}


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    kind: Kind
    chains: Sequence[Chain]  # two of a comparison
    answer: str
    others: frozenset[str] = frozenset()  # of what an answer must not name

    @property
    def hops(self) -> int:
        """The pages that have to be read."""
        return sum(len(chain.facts) for chain in self.chains)


def ask(rng: Random, world: World, kind: Kind, hops: int) -> Question:
    """A question of a kind over so many pages; a comparison takes two at least."""
    return _bridge(rng, world, hops) if kind == "bridge" else _comparison(rng, world, hops)


def _bridge(rng: Random, world: World, hops: int) -> Question:
    while True:
        kind, key = rng.choice(list(_ASKED))
        chain = _chain(rng, world, kind, key, hops)
        if chain and chain.value not in chain.titles:
            break
    text = _ASKED[kind, key].format(chain.words)
    same = {entity.facts[key].value for entity in world.of(kind) if key in entity.facts} - {chain.value}
    if target := related(kind).get(key):
        same |= {entity.title for entity in world.of(target)} - {chain.value}
    return Question(text, "bridge", [chain], chain.value, _apart(chain.value, same))


def _comparison(rng: Random, world: World, hops: int) -> Question:
    while True:
        kind, key = rng.choice(list(_COMPARED))
        first, second = _chain(rng, world, kind, key, hops - 1), _chain(rng, world, kind, key, 1)
        if first and second and number(first.value) != number(second.value) and not first.titles & second.titles:
            break
    text = _COMPARED[kind, key].format(first.words, second.words)
    return Question(text, "comparison", [first, second], str(abs(number(first.value) - number(second.value))))


def number(value: str) -> int:
    """A year or a count as pages write it."""
    return int(value.replace(",", ""))


def _chain(rng: Random, world: World, kind: str, key: str, pages: int) -> Chain | None:
    """A way of so many pages to this fact; None where the one that was tried leads nowhere."""
    kinds, keys = [kind], [key]
    for _ in range(pages - 1):
        ways = [(source, link) for source, link in _LINKS if related(source)[link] == kinds[0]]
        if not ways:  # nothing leads to a work
            return None
        source, link = rng.choice(ways)
        kinds.insert(0, source)
        keys.insert(0, link)
    start = rng.choice(world.of(kinds[0]))
    facts: list[Fact] = []
    for number, following in enumerate(keys):
        entity = world.entities[facts[-1].value] if number else start
        if following not in entity.facts:  # the oldest had no teacher
            return None
        facts.append(entity.facts[following])
    words = named(start)
    for source, link in zip(kinds, keys[:-1], strict=False):
        words = _LINKS[source, link].format(words)
    chain = Chain(start, keys, facts, words)
    return chain if len(chain.titles) == pages else None


def named(entity: Entity) -> str:
    """A name inside a sentence."""
    match entity.kind:
        case "organisation":
            return f"the {entity.title}"
        case "work":
            return f"the {entity.role} {entity.title}"
        case _:
            return entity.title


def _apart(value: str, others: set[str]) -> frozenset[str]:
    """Those that are not part of the value: Velmora is named by whoever names Upper Velmora."""
    return frozenset(other for other in others if other not in value)
