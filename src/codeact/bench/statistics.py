"""Intervals and tests for episodes that come in clusters: several seeds of one task are not several tasks.

A *cluster* is the values of one task, one for each of its seeds. With one seed everything here is its textbook form:
Wilson's interval, McNemar's exact test, the bootstrap over pairs. With several, the task stays the unit that is
counted, resampled or flipped, so that running a task again can sharpen its own value and never adds a task.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codeact.rollouts import Interval

SEED = 20260202  # of every random number here: the same results give the same report
RESAMPLES = 10_000
FEWEST = 5  # tasks; a bootstrap of fewer has too few different samples to speak of an interval
_AT_ONCE = 1_000  # resamples that are held in memory
_ENUMERATED = 12  # tasks of which all sign flips are tried

Clusters = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Mean:
    value: float
    interval: Interval | None  # of 95 %; None for fewer than `FEWEST` tasks, and for tasks that are all alike


@dataclass(frozen=True, slots=True)
class SignTest:
    """McNemar's exact test: of the tasks on which two formats differ, how many each one won."""

    first: int
    second: int

    @property
    def p(self) -> float:
        """Two-sided, from the binomial distribution. 1 where they differ nowhere."""
        differing, fewer = self.first + self.second, min(self.first, self.second)
        tail = sum(math.comb(differing, count) for count in range(fewer + 1))
        return min(1.0, 2 * tail / 2**differing)


def sign_test(differences: Clusters) -> SignTest:
    """Each task counts once, for the format that had more in its seeds; one that is even counts for neither."""
    sums = [sum(cluster) for cluster in differences]
    return SignTest(sum(total > 0 for total in sums), sum(total < 0 for total in sums))


def mean(values: Clusters) -> Mean | None:
    """The mean over all values, with the 95 % interval of a bootstrap over tasks; None where there is no value."""
    values = [cluster for cluster in values if cluster]
    if not values:
        return None
    found = sum(map(sum, values)) / sum(map(len, values))
    if len(values) < FEWEST:
        return Mean(found, None)
    low, high = np.quantile(_resampled_means(values), (0.025, 0.975))
    alike = low == high  # no draw can tell how much other tasks would differ: a width of nothing would be a claim
    return Mean(found, None if alike else Interval(float(low), float(high)))


def flip_test(differences: Clusters) -> float:
    """Two-sided p of "the two formats could be exchanged on any task": how often a random choice of the signs gives a
    sum as far from zero. All choices are tried for few tasks, `RESAMPLES` random ones for many.

    Not the bootstrap's own p, which is far too small for few tasks: for five of the same sign it is almost 0, and there
    are but 32 ways to choose their signs, so the right value is 2/32.
    """
    sums = np.array([total for cluster in differences if (total := sum(cluster))], dtype=np.float64)
    if not len(sums):
        return 1.0
    if len(sums) <= _ENUMERATED:
        signs = np.array(list(itertools.product((-1, 1), repeat=len(sums))))
        return float(np.mean(_as_far(signs, sums)))
    rng = np.random.default_rng(SEED)
    signs = rng.choice((-1, 1), size=(RESAMPLES, len(sums)))
    return float((np.sum(_as_far(signs, sums)) + 1) / (RESAMPLES + 1))


def holm(ps: Sequence[float]) -> list[float]:
    """The p values of one family of tests, adjusted by Holm's step-down method."""
    adjusted = list(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def _as_far(signs: NDArray[np.int64], sums: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(signs @ sums) >= abs(sums.sum()) * (1 - 1e-9)


def _resampled_means(values: Clusters) -> NDArray[np.float64]:
    """The mean of each of `RESAMPLES` draws of as many tasks as there are, a task with all its seeds."""
    rng = np.random.default_rng(SEED)
    tasks = len(values)
    sums = np.array([sum(cluster) for cluster in values], dtype=np.float64)  # (tasks,)
    sizes = np.array([len(cluster) for cluster in values], dtype=np.float64)
    means = list[NDArray[np.float64]]()
    for _ in range(0, RESAMPLES, _AT_ONCE):
        drawn = rng.integers(0, tasks, size=(_AT_ONCE, tasks))  # which tasks
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)
