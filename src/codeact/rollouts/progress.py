"""How far a job has come."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from codeact.rollouts.results import Rollout
from codeact.types import Usage

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


@dataclass(slots=True, kw_only=True)
class Progress:
    """Counts of a job; `earlier` ones were found in the results file."""

    total: int
    earlier: int = 0
    successes: int = 0
    failures: int = 0
    broken: int = 0
    running: int = 0
    usage: Usage = field(default_factory=Usage)  # of this run of the job
    started: float = field(default_factory=time.monotonic)
    fresh: int = 0  # episodes that this run has finished

    def count(self, rollout: Rollout, *, fresh: bool = True) -> None:
        if rollout.status == "broken":
            self.broken += 1
        elif rollout.verdict and rollout.verdict.correct:
            self.successes += 1
        else:
            self.failures += 1
        if fresh:
            self.fresh += 1
            if rollout.trajectory and rollout.trajectory.outcome:
                self.usage += rollout.trajectory.outcome.usage
        else:
            self.earlier += 1

    @property
    def judged(self) -> int:
        return self.successes + self.failures

    @property
    def done(self) -> int:
        return self.judged + self.broken

    @property
    def interval(self) -> Interval:
        return wilson(self.successes, self.judged)

    @property
    def elapsed(self) -> float:
        """Seconds of this run."""
        return time.monotonic() - self.started

    @property
    def tokens_per_second(self) -> float:
        """Written by the model, all episodes together."""
        return self.usage.output_tokens / max(self.elapsed, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds until the end at this pace; None before the first episode has finished."""
        return self.elapsed / self.fresh * (self.total - self.done) if self.fresh else None
