"""Names that nobody has heard, for worlds made from a seed."""

from __future__ import annotations

from random import Random


def word(rng: Random, length: int = 6) -> str:
    """Consonants and vowels in turn."""
    return "".join(rng.choice("bcdfgklmnprstvz" if place % 2 == 0 else "aeiou") for place in range(length)).capitalize()


def words(rng: Random, count: int, length: int = 6) -> list[str]:
    """Different ones."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[word(rng, length)] = None
    return list(found)
