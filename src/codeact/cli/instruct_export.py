"""`codeact instruct export`: rows in the forms that trainers and hubs read, with a card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from codeact.cli import consoles, describe, exits
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.cli.options import option
from codeact.instruct.dataset import VALIDATION, Export, Exported, Target
from codeact.instruct.dataset import export as export_rows
from codeact.instruct.statistics import Group
from codeact.instruct.tokens import ESTIMATE, counter


def export(
    rows: Annotated[Path, typer.Argument(metavar="ROWS", help="What `codeact instruct select` wrote.")],
    to: Annotated[Target, option("--to", help="Chat messages, ShareGPT, the paper's rows, or Parquet.")] = "messages",
    out: Annotated[Path, option("--out", "-o", metavar="FOLDER", help="For the files and the card.")] = Path("dataset"),
    validation: Annotated[
        float, option("--validation", metavar="SHARE", help="Of the tasks, that is not trained on; 0: none.")
    ] = VALIDATION,
    seed: Annotated[int, option("--seed", help="Which tasks those are.")] = 0,
    name: Annotated[str, option("--name", help="Of the data set, for its card.")] = "CodeActInstruct",
    pairs: Annotated[
        list[Path] | None,
        option(
            "--pairs", metavar="RESULTS", help="Write pairs for `train --dpo`, with failed episodes of these files."
        ),
    ] = None,
    tokenizer: Annotated[
        str,
        option("--tokenizer", metavar="FILE", help="Count with this GGUF file's tokenizer; default: estimate."),
    ] = ESTIMATE,
    json: Annotated[bool, option("--json", help="Print one JSON line.")] = False,
) -> int:
    """Write rows as a data set: training and validation, split by task, and a card with its numbers."""
    exported = export_rows(
        Export(
            rows=rows,
            folder=out,
            to=to,
            validation=validation,
            seed=seed,
            name=name,
            counter=counter(tokenizer),
            pairs=pairs or (),
        )
    )
    if json:
        write_line(sys.stdout, {"kind": "export", **_record(exported)})
        return exits.ANSWERED
    _show(exported)
    if validation and "validation" not in exported.files:
        words = "note: by chance no task is in validation; more tasks, a larger --validation or another --seed help"
        consoles.notices().print(Text(words, style="yellow"))
    return exits.ANSWERED


def _show(exported: Exported) -> None:
    numbers = exported.numbers
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("domain", "instances", "tasks", "tokens", "average", "turns"):
        table.add_column(heading, justify="left" if heading == "domain" else "right")
    for domain, group in [*sorted(numbers.domains.items()), ("all", numbers.all)]:
        table.add_row(Text(harmless(domain)), *_figures(group))
    console = consoles.output()
    console.print(table)
    console.print(Text(f"tokens are {numbers.counter.name}"))
    for part, path in exported.files.items():
        console.print(Text(harmless(f"{part}: {numbers.parts[part].rows:,} rows in {describe.relative(path)}")))
    console.print(Text(harmless(f"card: {describe.relative(exported.card)}")))


def _figures(group: Group) -> list[str]:
    counts = [f"{count:,}" for count in (group.rows, len(group.tasks), group.tokens)]
    return [*counts, f"{group.tokens / group.rows:,.2f}", f"{group.turns / group.rows:.2f}"]


def _record(exported: Exported) -> dict[str, object]:
    numbers = exported.numbers
    return {
        "files": {part: str(path) for part, path in exported.files.items()},
        "card": str(exported.card),
        "tokenizer": numbers.counter.name,
        "longest": numbers.longest,
        "domains": {domain: _plain(group) for domain, group in sorted(numbers.domains.items())},
        "parts": {part: _plain(group) for part, group in numbers.parts.items()},
        "all": _plain(numbers.all),
    }


def _plain(group: Group) -> dict[str, int]:
    return {"rows": group.rows, "tasks": len(group.tasks), "tokens": group.tokens, "turns": group.turns}
