"""`codeact instruct select`: which episodes are worth training on, and what became of the others."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from codeact.cli import consoles, describe, exits
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.cli.named_values import named_values
from codeact.cli.options import option, spread
from codeact.errors import UsageError
from codeact.instruct.bench_texts import DATALESS, texts_of_file, texts_of_suite
from codeact.instruct.candidate import FAULTS, Fault
from codeact.instruct.contamination import SHARE, Index, N
from codeact.instruct.pipeline import CATALOGUE, Base, Surroundings, pipeline
from codeact.instruct.selection import CONTEXT, Selection, report_of
from codeact.instruct.selection import select as select_rows
from codeact.instruct.tokens import ESTIMATE, counter
from codeact.tasks import suite_names

LINE_EVERY = 10.0  # seconds, where there is no terminal
WIDE = 160  # columns, where there is no terminal that has a width


def _bench(*names: str, help: str, metavar: str) -> Any:
    return option(*names, help=help, metavar=metavar, panel="Decontamination")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOptions:
    """By what rows are selected."""

    filters: Annotated[
        Base, option("--filters", help="The filters to begin with: ours, exactly the paper's, or none.")
    ] = "ours"
    filter: Annotated[
        list[str],
        option(metavar="NAME=VALUE", help="Add a filter, or give one another value; NAME=off drops it; repeatable."),
    ] = field(default_factory=list[str])
    context_only: Annotated[
        str | None,
        option(
            metavar="FAULT,…",
            help=f"Turns that are read and not learned: {', '.join(FAULTS)}, or none. "
            f"Default: {','.join(CONTEXT)}; with the paper's filters none.",
        ),
    ] = None
    tokenizer: Annotated[
        str, option(metavar="FILE", help="Count tokens with the tokenizer of this GGUF file; default: an estimate.")
    ] = ESTIMATE
    bench: Annotated[
        list[str], _bench(metavar="SUITE[=DATA]", help="Compare with the tasks of this suite too; repeatable.")
    ] = field(default_factory=list[str])
    against: Annotated[
        list[str],
        _bench(metavar="FILE[:FIELD]", help="Compare with the tasks of this set of JSON lines too; repeatable."),
    ] = field(default_factory=list[str])
    ngram: Annotated[int, _bench(metavar="N", help="Words that are compared at a time.")] = N
    overlap: Annotated[
        float, _bench(metavar="SHARE", help="Of the n-grams of the shorter text, that may not be shared.")
    ] = SHARE


@spread(SelectOptions)
def select(
    options: SelectOptions,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Results of rollouts, trajectories, or MINT's outputs.")
    ],
    out: Annotated[Path, option("--out", "-o", metavar="FILE", help="For the rows.")] = Path("rows.jsonl"),
    json: Annotated[bool, option("--json", help="Print JSON lines: a stage of the funnel each.")] = False,
) -> int:
    """Select the episodes that are worth training on, and show what each filter dropped."""
    notices = consoles.notices(quiet=json)
    chosen = pipeline(options.filters, named_values("--filter", options.filter, "turns=2"))
    around = Surroundings(counter=counter(options.tokenizer))
    if "bench" in chosen:
        around = Surroundings(counter=around.counter, index=_index(options, notices))
    with _Reading(notices) as reading:
        selection = Selection(
            files=files,
            pipeline=chosen,
            around=around,
            context=_faults(options),
            on_problem=lambda problem: notices.print(Text(harmless(f"note: {problem}"), style="yellow")),
            report=reading.report,
        )
        count = select_rows(selection, out)
    if json:
        _write_json(selection, count, out)
    else:
        _show(selection, count, out)
    return exits.ANSWERED if count else exits.NO_ANSWER


def _index(options: SelectOptions, notices: Console) -> Index:
    """The bench's tasks. What is compared by name only, because its data were not given, is said."""
    given = dict(_suite_and_data(text) for text in options.bench)
    if options.ngram < 2 or not 0 < options.overlap <= 1:
        raise UsageError(
            f"--ngram {options.ngram} --overlap {options.overlap}: at least 2 words, a share above 0 up to 1"
        )
    index = Index(n=options.ngram, share=options.overlap)
    for name in [*DATALESS, *(name for name in given if name not in DATALESS)]:
        index.add(texts_of_suite(name, given.get(name)))
    for text in options.against:
        path, _, field = text.rpartition(":") if ":" in text and not Path(text).exists() else (text, "", "")
        index.add(texts_of_file(Path(path), field or None))
    by_name = [name for name in Surroundings().suites if name not in index.sizes]
    compared = ", ".join(f"{name} ({count:,})" for name, count in index.sizes.items())
    notices.print(Text(harmless(f"bench: tasks of {compared}; {', '.join(by_name)} by the suite's name only")))
    return index


def _suite_and_data(text: str) -> tuple[str, Path | None]:
    name, _, data = text.partition("=")
    if name not in suite_names():
        raise UsageError(f"--bench {text!r}: there is no suite {name!r}; there are: {', '.join(suite_names())}")
    return name, Path(data) if data else None


def _faults(options: SelectOptions) -> Sequence[Fault]:
    if options.context_only is None:
        return () if options.filters == "paper" else CONTEXT
    text = options.context_only
    names = [] if text in ("", "none") else [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in FAULTS]:
        known = "; ".join(f"{name}: {words}" for name, words in FAULTS.items())
        raise UsageError(f"--context-only: there is no fault {unknown[0]!r} of a turn; there are: {known}")
    return cast("list[Fault]", names)


class _Reading:
    """Says how far it is: a live line on a terminal, a line now and then in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("reading", console=console) if console.is_terminal else None
        self._said = time.monotonic()

    def __enter__(self) -> _Reading:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def report(self, read: int) -> None:
        words = f"{read:,} episodes read"
        if self._status:
            self._status.update(words)
        elif time.monotonic() > self._said + LINE_EVERY:
            self._said = time.monotonic()
            self._console.print(Text(words))


def _show(selection: Selection, count: int, out: Path) -> None:
    console = consoles.output()
    if not console.is_terminal:
        console.width = WIDE
    console.print(funnel_table(selection))
    for bench, ways in selection.to_record()["hits"].items():
        console.print(Text(harmless(f"bench {bench}: {', '.join(f'{n:,} {way}' for way, n in ways.items())}")))
    where = describe.relative(out if count else report_of(out))
    words = f"{count:,} rows in {where}" if count else f"no row is left, so there is no file of them; why: {where}"
    console.print(Text(harmless(words)))


def funnel_table(selection: Selection) -> Table:
    """A line for each filter: what it was given, dropped and left, and what is left of each domain."""
    domains = selection.funnel.domains
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("filter", "in", "dropped", "left", *domains, "drops what"):
        table.add_column(Text(harmless(heading)), justify="left" if heading in ("filter", "drops what") else "right")
    for stage in selection.funnel.stages:
        value = selection.pipeline.get(stage.name)
        shown = isinstance(value, int | float | str) and value is not True and value != CATALOGUE[stage.name].value
        table.add_row(
            f"{stage.name}={value}" if shown else stage.name,
            *(f"{number:,}" for number in (stage.given.total(), stage.dropped, stage.left.total())),
            *(f"{stage.left[domain]:,}" for domain in domains),
            Text(stage.reason, style="dim"),
        )
    return table


def _write_json(selection: Selection, count: int, out: Path) -> None:
    record = selection.to_record()
    for stage in record.pop("stages"):
        write_line(sys.stdout, {"kind": "stage", **stage})
    write_line(sys.stdout, {"kind": "selection", "rows": count, "file": str(out) if count else None, **record})
