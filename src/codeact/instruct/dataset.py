"""Export: a file of rows as a folder that trainers and hubs read: training, validation, and a card."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal, cast

from codeact.errors import MissingExtraError, SetupError, UsageError
from codeact.instruct.card import card
from codeact.instruct.forms import FORMS
from codeact.instruct.pairs import Pair, pairs_of
from codeact.instruct.row import Row, read_rows, write_records
from codeact.instruct.selection import report_of
from codeact.instruct.split import PARTS, Part, part_of
from codeact.instruct.statistics import Numbers
from codeact.instruct.tokens import Counter, estimated
from codeact.types import JSON

Target = Literal["messages", "sharegpt", "paper", "parquet"]
VALIDATION = 0.05  # of the tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported, as what, and where to."""

    rows: Path
    folder: Path
    to: Target = "messages"
    validation: float = VALIDATION
    seed: int = 0
    name: str = "CodeActInstruct"
    counter: Counter = field(default=estimated)
    pairs: Sequence[Path] = ()  # results with failed episodes: what is written are pairs, of the rows that have one


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    files: Mapping[Part, Path]  # only parts that have rows
    card: Path
    numbers: Numbers


def export(wanted: Export) -> Exported:
    """Write the folder: a file for each part, and the card. The rows are read several times, and never all in memory.

    Raises:
        UsageError: rows that cannot be read, two with one id, a share that is none, files that are there already, or
            pairs were asked for and no row has one.
        SetupError: it cannot be written.
        MissingExtraError: Parquet needs the extra `instruct`.
    """
    if wanted.pairs and wanted.to != "messages":
        raise UsageError(f"pairs are written as messages, and not as {wanted.to!r}")
    if not 0 <= wanted.validation < 1:
        raise UsageError(f"the share for validation is {wanted.validation}, and should be from 0 to below 1")
    pairs = pairs_of(read_rows(wanted.rows), wanted.pairs) if wanted.pairs else None
    write, suffix = _pair_writer(pairs) if pairs else _writer(wanted.to)
    places: dict[Part, Path] = {part: wanted.folder / f"{part}.{suffix}" for part in PARTS}
    page = wanted.folder / "README.md"
    if there := next((path for path in (*places.values(), page) if path.exists()), None):
        raise UsageError(f"{str(there)!r} exists; give another folder, or move it away")
    numbers = Numbers(wanted.counter, wanted.validation, wanted.seed)
    parts = {part for part, _ in numbers.counted(_paired(_once(wanted.rows), pairs))}
    files: dict[Part, Path] = {part: path for part, path in places.items() if part in parts}
    for part, path in files.items():
        write(path, _paired(_of_part(wanted, part), pairs))
    form = "pairs" if pairs else wanted.to
    text = card(wanted.name, numbers, {part: path.name for part, path in files.items()}, form, _report(wanted))
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"cannot write {str(page)!r}: {error.strerror or error}") from error
    return Exported(files=files, card=page, numbers=numbers)


def _writer(to: Target) -> tuple[Callable[[Path, Iterable[Row]], int], str]:
    if to == "parquet":
        try:
            return import_module("codeact.instruct.parquet").write_parquet, "parquet"
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "pyarrow":
                raise
            raise MissingExtraError("instruct", "an export to Parquet") from error
    form = FORMS[to]
    return (lambda path, rows: write_records(path, map(form.to_record, rows))), "jsonl"


def _pair_writer(pairs: Mapping[str, Pair]) -> tuple[Callable[[Path, Iterable[Row]], int], str]:
    return (lambda path, rows: write_records(path, (pairs[row.id].to_record() for row in rows))), "jsonl"


def _paired(rows: Iterable[Row], pairs: Mapping[str, Pair] | None) -> Iterator[Row]:
    return (row for row in rows if pairs is None or row.id in pairs)


def _once(path: Path) -> Iterator[Row]:
    """The rows of the file; two with one id would be one and the same to whoever looks them up."""
    seen = set[str]()
    for row in read_rows(path):
        if row.id in seen:
            raise UsageError(f"two rows of {str(path)!r} have the id {row.id!r}; remedy: one selection from all files")
        seen.add(row.id)
        yield row


def _of_part(wanted: Export, part: Part) -> Iterator[Row]:
    return (row for row in read_rows(wanted.rows) if part_of(row, wanted.validation, wanted.seed) == part)


def _report(wanted: Export) -> Mapping[str, JSON] | None:
    path = report_of(wanted.rows)
    if not path.is_file():
        return None
    try:
        return cast("Mapping[str, JSON]", json.loads(path.read_bytes()))
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is no report of `codeact instruct select` ({error}); move it away") from error
