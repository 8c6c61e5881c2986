"""The funnel: how many candidates each filter was given, and how many it let through, by domain too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codeact.instruct.candidate import Candidate
from codeact.instruct.filters import Filter
from codeact.types import JSON


@dataclass(slots=True)
class Stage:
    """One filter at work. `given` and `left` are counts by domain."""

    name: str
    reason: str
    given: Counter[str] = field(default_factory=Counter[str])
    left: Counter[str] = field(default_factory=Counter[str])

    @property
    def dropped(self) -> int:
        return self.given.total() - self.left.total()

    def to_record(self) -> dict[str, JSON]:
        return {
            "filter": self.name,
            "drops": self.reason,
            "in": self.given.total(),
            "dropped": self.dropped,
            "left": self.left.total(),
            "domains": {domain: [self.given[domain], self.left[domain]] for domain in sorted(self.given)},
        }


@dataclass(slots=True)
class Funnel:
    """What became of all candidates. It fills while the stream that `through` gives is read."""

    stages: list[Stage] = field(default_factory=list[Stage])

    def through(self, candidates: Iterator[Candidate], filters: Sequence[Filter]) -> Iterator[Candidate]:
        """The candidates that all filters let through, in their order."""
        for each in filters:
            stage = Stage(each.name, each.reason)
            self.stages.append(stage)
            candidates = _counted(each(_counted(candidates, stage.given)), stage.left)
        return candidates

    @property
    def read(self) -> int:
        return self.stages[0].given.total() if self.stages else 0

    @property
    def left(self) -> int:
        return self.stages[-1].left.total() if self.stages else 0

    @property
    def domains(self) -> list[str]:
        return sorted(self.stages[0].given) if self.stages else []

    def to_records(self) -> list[dict[str, JSON]]:
        return [stage.to_record() for stage in self.stages]


def _counted(candidates: Iterator[Candidate], counts: Counter[str]) -> Iterator[Candidate]:
    for candidate in candidates:
        counts[candidate.row.domain] += 1
        yield candidate
