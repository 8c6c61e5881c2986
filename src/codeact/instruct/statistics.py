"""The numbers of a data set: what the paper's table has, by domain, and what licences and models it is made of."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from codeact.instruct.row import Row
from codeact.instruct.split import Part, part_of
from codeact.instruct.tokens import Counter


@dataclass(slots=True)
class Group:
    """Sums over the rows of a domain, or over all."""

    rows: int = 0
    tokens: int = 0
    learned: int = 0  # messages of the assistant that are trained on
    turns: int = 0
    tasks: set[str] = field(default_factory=set[str])

    def add(self, row: Row, tokens: int) -> None:
        self.rows += 1
        self.tokens += tokens
        self.turns += row.turns
        self.learned += sum(each.role == "assistant" and not each.is_copied_context for each in row.messages)
        self.tasks.add(row.task)


@dataclass(slots=True)
class Numbers:
    """What a data set consists of; it fills while rows are read through `counted`."""

    counter: Counter
    share: float
    seed: int
    all: Group = field(default_factory=Group)
    domains: dict[str, Group] = field(default_factory=dict[str, Group])
    parts: dict[Part, Group] = field(default_factory=dict[Part, Group])
    sources: Counts[tuple[str, str]] = field(default_factory=Counts[tuple[str, str]])  # of source and licence
    models: Counts[str] = field(default_factory=Counts[str])
    repaired: int = 0
    longest: int = 0  # tokens

    def counted(self, rows: Iterable[Row]) -> Iterator[tuple[Part, Row]]:
        """Every row with its part, counted on the way."""
        for row in rows:
            part, tokens = part_of(row, self.share, self.seed), self.counter.of_row(row)
            for group in (
                self.all,
                self.domains.setdefault(row.domain, Group()),
                self.parts.setdefault(part, Group()),
            ):
                group.add(row, tokens)
            self.sources[row.source, row.licence] += 1
            self.models[row.model] += 1
            self.repaired += "repaired" in row.origin
            self.longest = max(self.longest, tokens)
            yield part, row
