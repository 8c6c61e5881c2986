"""Pairs to prefer by (DPO): a row that was selected, and a failed episode of its task that began as it did.

Repairs leave such pairs on purpose: up to one moment both are the same, from there one failed and one succeeded.
Samples of a task have at least its prompt in common. Selecting goes before: a pair stands for a row that has passed the
filters, and what is rejected was written by the same model, so terms and licences hold for it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeact.errors import UsageError
from codeact.instruct.candidate import Candidate
from codeact.instruct.load import Problem, ignore, read_all
from codeact.instruct.row import Row
from codeact.types import JSON


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ways in which one history went on."""

    chosen: Row
    rejected: Row
    shared: int  # messages at their beginning

    def to_record(self) -> dict[str, JSON]:
        """A line of a file: `prompt`, `chosen` and `rejected`, and all that the row says of itself."""
        facts = self.chosen.facts()
        return {
            "id": self.chosen.id,
            "prompt": [message.to_record() for message in self.chosen.messages[: self.shared]],
            "chosen": [message.to_record() for message in self.chosen.messages[self.shared :]],
            "rejected": [message.to_record() for message in self.rejected.messages[self.shared :]],
            **facts,
            "origin": {**facts["origin"], "rejected": self.rejected.id},
        }


def pairs_of(rows: Iterable[Row], results: Sequence[Path], on_problem: Problem = ignore) -> Mapping[str, Pair]:
    """The pair of each row that has one, by the row's id: with the failed episode that shares most of its history.

    Raises:
        UsageError: results that cannot be read, or no row has a pair.
    """
    chosen = [row for row in rows if row.success]
    failed: dict[tuple[str, str], list[Row]] = {(row.task, row.model): [] for row in chosen}
    for candidate in read_all(results, on_problem):
        row = candidate.row
        if (row.task, row.model) in failed and _has_failed(candidate):
            failed[row.task, row.model].append(row)
    found = {row.id: pair for row in chosen if (pair := _nearest(row, failed[row.task, row.model]))}
    if not found:
        raise UsageError(
            f"none of {len(chosen):,} rows has a failed episode of its task and model in these results to be preferred "
            "to; give the files of the job that they are from (`collect --repair` leaves most pairs)"
        )
    return found


def _has_failed(candidate: Candidate) -> bool:
    return not candidate.row.success and candidate.plain and candidate.row.domain != "unjudged"


def _nearest(row: Row, failed: Sequence[Row]) -> Pair | None:
    pairs = [Pair(row, other, shared) for other in failed if (shared := _shared(row, other))]
    return max(pairs, key=lambda pair: pair.shared, default=None)


def _shared(one: Row, other: Row) -> int:
    """How many first messages are the same; 0 unless it is the assistant who then says different things."""
    both = zip(one.messages, other.messages, strict=False)
    place = next((at for at, (ours, theirs) in enumerate(both) if ours.content != theirs.content), 0)
    return place if one.messages[place].role == other.messages[place].role == "assistant" else 0
