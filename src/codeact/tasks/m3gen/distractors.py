"""Tools that sound useful and are not: what a long list of tools costs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from codeact.tools import ToolSource, tool

_VERBS = ("archive", "audit", "balance", "compare", "estimate", "forecast", "index", "rank", "schedule", "validate")
_NOUNS = ("invoice", "itinerary", "ledger", "message", "orbit", "parcel", "recipe", "sample", "ticket", "voucher")


def distractors(rng: random.Random, count: int) -> Sequence[ToolSource]:
    pairs = rng.sample([(verb, noun) for verb in _VERBS for noun in _NOUNS], count)
    return [tool(name=f"{verb}_{noun}")(_useless(verb, noun)) for verb, noun in pairs]


def _useless(verb: str, noun: str) -> Callable[[str], str]:
    def act(name: str) -> str:
        return f"There is no {noun} of the name {name!r}."

    act.__doc__ = f"{verb.capitalize()} one {noun}, by its name."
    return act
