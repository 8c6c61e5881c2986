"""The models of a section against each other, format by format, on what both have a result for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from codeact.bench.pairs import Comparison, comparison, corrected
from codeact.bench.sections import Entrant, Section

MOST = 5  # models that are all compared with each other; of more, each with the first


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """Two models in one format."""

    actions: str
    adapted: bool  # the first is the second with an adapter
    numbers: Comparison


def compare_models(section: Section) -> list[ModelComparison]:
    """Each pair of models in each format of both; p values are corrected over all of them."""
    found = [
        ModelComparison(actions=actions, adapted=is_adapted(first, second), numbers=numbers)
        for first, second in _couples(section)
        for actions in first.formats
        if (numbers := _compared(first, second, actions))
    ]
    numbers = corrected([one.numbers for one in found])
    return [replace(one, numbers=test) for one, test in zip(found, numbers, strict=True)]


def is_adapted(first: Entrant, second: Entrant) -> bool:
    """By their names: `local:NAME+PATH` is `local:NAME` with an adapter."""
    base, plus, _ = first.model.partition("+")
    return bool(plus) and base == second.model


def _couples(section: Section) -> Iterator[tuple[Entrant, Entrant]]:
    """The later in the report minus the earlier, so that whoever names the base first sees what was gained; but a base
    always comes second.
    """
    entrants = section.entrants
    couples = combinations(entrants, 2) if len(entrants) <= MOST else ((entrants[0], one) for one in entrants[1:])
    for earlier, later in couples:
        yield (earlier, later) if is_adapted(earlier, later) else (later, earlier)


def _compared(first: Entrant, second: Entrant, actions: str) -> Comparison | None:
    """None where they have nothing in common."""
    pairs = [
        (one, second.episodes[key])
        for key, one in first.episodes.items()
        if key.actions == actions and key in second.episodes
    ]
    return comparison(first.model, second.model, pairs) if pairs else None
