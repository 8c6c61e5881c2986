"""How far a job has come."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from codeact.rollouts.intervals import Interval, share_interval
from codeact.rollouts.results import Rollout
from codeact.types import Usage


@dataclass(slots=True, kw_only=True)
class Progress:
    """Counts of a job; `earlier` ones were found in the results file."""

    total: int
    earlier: int = 0
    broken: int = 0
    running: int = 0
    usage: Usage = field(default_factory=Usage)  # of this run of the job
    started: float = field(default_factory=time.monotonic)
    fresh: int = 0  # episodes that this run has finished
    outcomes: dict[str, list[bool]] = field(default_factory=dict[str, list[bool]])  # by task

    def count(self, rollout: Rollout, *, fresh: bool = True) -> None:
        if rollout.status == "broken":
            self.broken += 1
        else:
            self.outcomes.setdefault(rollout.key.task, []).append(rollout.correct)
        if fresh:
            self.fresh += 1
            self.usage += rollout.spent
        else:
            self.earlier += 1

    @property
    def successes(self) -> int:
        return sum(map(sum, self.outcomes.values()))

    @property
    def failures(self) -> int:
        return self.judged - self.successes

    @property
    def judged(self) -> int:
        return sum(map(len, self.outcomes.values()))

    @property
    def done(self) -> int:
        return self.judged + self.broken

    @property
    def interval(self) -> Interval:
        return share_interval(list(self.outcomes.values()))

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
