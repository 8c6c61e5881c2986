"""Selection, whole: from files of episodes to a file of rows, and what became of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeact.instruct.candidate import Candidate, Fault
from codeact.instruct.contamination import Decontaminate, Hit
from codeact.instruct.funnel import Funnel
from codeact.instruct.learned import Learned
from codeact.instruct.load import Problem, ignore, read_all
from codeact.instruct.pipeline import Surroundings, made, pipeline
from codeact.instruct.row import Row, write_records, write_rows
from codeact.types import JSON

SCHEMA = 1  # of the report
EVERY = 100  # candidates between two reports
CONTEXT: tuple[Fault, ...] = ("unreadable", "cut")  # turns that are read and not learned, unless told otherwise


@dataclass(slots=True, kw_only=True)
class Selection:
    """What is selected from, by what, and what came of it; `rows` does it."""

    files: Sequence[Path]
    pipeline: Mapping[str, JSON] = field(default_factory=pipeline)
    around: Surroundings = field(default_factory=Surroundings)
    context: Sequence[Fault] = CONTEXT
    on_problem: Problem = ignore
    report: Callable[[int], None] = lambda read: None
    funnel: Funnel = field(default_factory=Funnel)
    hits: list[Hit] = field(default_factory=list[Hit])

    def rows(self) -> Iterator[Row]:
        """The rows that are left, one after the other; funnel and hits are whole once all are read.

        Raises:
            UsageError: a file that cannot be read, or a value that a filter cannot take.
        """
        filters = made(self.pipeline, self.around)
        bench = next((each for each in filters if isinstance(each, Decontaminate)), None)
        self.funnel = Funnel()
        learned = Learned()
        for candidate in self.funnel.through(self._read(), filters):
            yield candidate.as_context(self.context, learned.before(candidate))
        self.hits = bench.hits if bench else []

    def _read(self) -> Iterator[Candidate]:
        for number, candidate in enumerate(read_all(self.files, self.on_problem), 1):
            if number % EVERY == 0:
                self.report(number)
            yield candidate

    def to_record(self) -> dict[str, JSON]:
        """The report, as it is kept beside the rows: what a data set has to say of where it comes from."""
        return {
            "schema": SCHEMA,
            "files": [path.name for path in self.files],
            "pipeline": dict(self.pipeline),
            "context_only": list(self.context),
            "tokens": self.around.counter.name,
            "bench": {"tasks": dict(self.around.index.sizes), "suites": list(self.around.suites)},
            "n": self.around.index.n,
            "share": self.around.index.share,
            "stages": self.funnel.to_records(),
            "hits": _counted(self.hits),
        }


def select(selection: Selection, out: Path) -> int:
    """Write the rows to a new file, and beside it the report (`.funnel.json`) and what hit the bench (`.hits.jsonl`).

    Says how many rows there are. Where none is left, no file is written.

    Raises:
        UsageError: as `Selection.rows`; or a file of that name exists.
        SetupError: it cannot be written.
    """
    count = write_rows(out, selection.rows())
    if not count:
        out.unlink()
    write_records(report_of(out), [selection.to_record()], again=True)
    hits = ({name: getattr(hit, name) for name in hit.__slots__} for hit in selection.hits)
    write_records(out.with_suffix(".hits.jsonl"), hits, again=True)
    return count


def report_of(rows: Path) -> Path:
    """Where the report of a file of rows is."""
    return rows.with_suffix(".funnel.json")


def _counted(hits: Iterable[Hit]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, Any]] = {}
    for hit in hits:
        ways = counts.setdefault(hit.bench, {})
        ways[hit.way] = ways.get(hit.way, 0) + 1
    return counts
