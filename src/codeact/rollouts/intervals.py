"""How sure a share of successes is. Several seeds or formats of a task are not several tasks: they are a *cluster*."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


def wilson(successes: float, total: float) -> Interval:
    """Wilson's 95 % interval of a proportion: honest for few episodes, and for none or all successful ones."""
    if total == 0:
        return Interval(0.0, 1.0)
    share, square = successes / total, _Z * _Z
    middle = share + square / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def share_interval(outcomes: Sequence[Sequence[bool]]) -> Interval:
    """Wilson's 95 % interval of a share, for as many observations as the clusters are worth."""
    outcomes = [cluster for cluster in outcomes if cluster]
    total = sum(map(len, outcomes))
    share = sum(map(sum, outcomes)) / total if total else 0.0
    size = effective_size(outcomes)
    return wilson(share * size, size)


def effective_size(outcomes: Sequence[Sequence[bool]]) -> float:
    """How many independent episodes these are worth: all of them where the seeds of a task differ as tasks do, as many
    as there are tasks where its seeds agree (the design effect, by the ratio estimator of Rao and Scott).
    """
    outcomes = [cluster for cluster in outcomes if cluster]
    tasks, total = len(outcomes), sum(map(len, outcomes))
    successes = sum(map(sum, outcomes))
    if tasks == total:
        return total
    if tasks < 2 or successes in (0, total):
        return tasks  # nothing tells how much seeds differ, so no credit is given for them
    share = successes / total
    between = sum((sum(cluster) - share * len(cluster)) ** 2 for cluster in outcomes) * tasks / (tasks - 1)
    if between == 0:
        return total
    return min(total, max(tasks, share * (1 - share) * total**2 / between))
