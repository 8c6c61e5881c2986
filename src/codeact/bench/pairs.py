"""Episodes in pairs of the same task and seed: what differs between the first of each pair and the second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from codeact.bench.sections import Measured
from codeact.bench.statistics import Mean, SignTest, flip_test, holm, mean, sign_test


@dataclass(frozen=True, slots=True)
class Difference:
    """The first one's value minus the second's."""

    mean: Mean
    p: float
    adjusted: float  # by Holm, over one table's tests of this measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two formats of a model, or two models in a format, on the same tasks with the same seeds."""

    first: str
    second: str
    pairs: int
    tasks: int
    won: SignTest  # tasks on which one of them succeeded, and the other did not, or in fewer seeds
    success: Difference
    turns: Difference
    both_solved: int  # pairs
    solved_turns: Mean | None  # the difference over pairs that both solved


def comparison(first: str, second: str, pairs: Iterable[tuple[Measured, Measured]]) -> Comparison:
    """The numbers of one pair or more; of each test alone, until `corrected`."""
    by_task = dict[str, list[tuple[Measured, Measured]]]()
    for pair in pairs:
        by_task.setdefault(pair[0].key.task, []).append(pair)
    clusters = list(by_task.values())
    success = [[one.correct - other.correct for one, other in cluster] for cluster in clusters]
    turns = [[one.turns - other.turns for one, other in cluster] for cluster in clusters]
    solved = [
        [one.turns - other.turns for one, other in cluster if one.correct and other.correct] for cluster in clusters
    ]
    won = sign_test(success)
    return Comparison(
        first=first,
        second=second,
        pairs=sum(map(len, clusters)),
        tasks=len(clusters),
        won=won,
        success=Difference(_mean(success), won.p, won.p),
        turns=Difference(_mean(turns), p := flip_test(turns), p),
        both_solved=sum(map(len, solved)),
        solved_turns=mean(solved),
    )


def corrected(tests: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of one table, their p values adjusted together, for success and for turns apart."""
    success, turns = holm([test.success.p for test in tests]), holm([test.turns.p for test in tests])
    return [
        replace(
            test,
            success=replace(test.success, adjusted=success[number]),
            turns=replace(test.turns, adjusted=turns[number]),
        )
        for number, test in enumerate(tests)
    ]


def _mean(differences: Sequence[Sequence[float]]) -> Mean:
    found = mean(differences)
    assert found is not None  # a comparison has at least one pair
    return found
