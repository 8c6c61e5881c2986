"""WikiTableQuestions, from its publisher's files: `training.tsv`, and the tables in `tables.tar.xz` or as a folder `csv`."""

from __future__ import annotations

import csv
import io
import lzma
import random
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.base import Task
from codeact.tasks.files import note, read_bytes, read_text
from codeact.tasks.tables.denotation import Denotation, unescaped
from codeact.tasks.tables.question import RULES, asked, desk
from codeact.tasks.tables.table import FORMS, Form, Table, table_of
from codeact.types import JSON

PUBLISHER = "https://github.com/ppasupat/WikiTableQuestions (data/training.tsv and csv/)"
HEADER = ["id", "utterance", "context", "targetValue"]
LARGEST = 3000  # questions, as in the paper


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    question: str
    context: str  # names the table's file
    values: Sequence[str]


def tasks(
    *, data: JSON = None, seed: int = 0, largest: int = LARGEST, forms: str | Sequence[str] = FORMS
) -> Sequence[Task]:
    """The questions about the largest tables (by rows, then columns), in the file's order; `largest=0` takes all.

    The seed alone decides which question is for SQL and which for pandas.

    Raises:
        UsageError: an option that cannot be, or a file that is missing or is not the publisher's.
    """
    wanted: list[str] = [forms] if isinstance(forms, str) else list(forms)
    if unknown := [form for form in wanted if form not in FORMS]:
        raise UsageError(f"tables has no form {unknown[0]!r}; there are: {', '.join(FORMS)}")
    if not isinstance(cast("object", largest), int) or largest < 0:
        raise UsageError(f"largest={largest!r} must be a number of questions, or 0 for all of them")
    rows, tables = read(data)
    chosen = _largest(rows, tables, largest) if largest else rows
    made: list[tuple[Row, Form]] = [(row, form_of(row.id, seed)) for row in chosen]
    return [_task(row, tables[row.context], form) for row, form in made if form in wanted]


def read(data: JSON) -> tuple[Sequence[Row], Mapping[str, Table]]:
    """All questions, and their tables by context.

    Raises:
        UsageError: a file is missing or is not the publisher's.
    """
    if not isinstance(data, str) or not data:
        raise UsageError(f"this profile has no data of its own; remedy: data=FOLDER with the files of {PUBLISHER}")
    given = Path(data)
    path = given / "training.tsv" if given.is_dir() else given
    rows = read_rows(path)
    return rows, read_tables(path.parent, {row.context for row in rows})


def read_rows(path: Path) -> Sequence[Row]:
    """The questions of a file.

    Raises:
        UsageError: it cannot be read, or a line of it is no question.
    """
    try:
        head, *lines = read_text(path).removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); remedy: take it from {PUBLISHER}") from error
    if head.rstrip("\r").split("\t") != HEADER:
        raise UsageError(f"line 1 of {path} should name {', '.join(HEADER)}; remedy: take the file from {PUBLISHER}")
    return [_row(path, number, line.rstrip("\r")) for number, line in enumerate(lines, start=2)]


def _row(path: Path, number: int, line: str) -> Row:
    fields = line.split("\t")
    if len(fields) != len(HEADER) or not all(fields):
        raise UsageError(
            f"line {number} of {path} has {len([*filter(None, fields)])} of {len(HEADER)} fields ({', '.join(HEADER)}): "
            f"it is cut off or not from {PUBLISHER}"
        )
    id, question, context, target = fields
    return Row(id, unescaped(question), context, [unescaped(value) for value in target.split("|")])


def read_tables(folder: Path, contexts: set[str]) -> dict[str, Table]:
    """The tables of these contexts, from files where they are unpacked, else from the archive.

    Raises:
        UsageError: there is neither, or one of the tables is missing or is no table.
    """
    if (folder / "csv").is_dir():
        found = {name: read_bytes(file) for name in contexts if (file := folder / name).is_file()}
    else:
        found = dict(_unpacked(folder / "tables.tar.xz", contexts))
    if missing := sorted(contexts - found.keys()):
        raise UsageError(
            f"{len(missing)} of {len(contexts)} tables are missing in {folder}, the first is {missing[0]!r}; remedy: "
            f"the whole folder csv, or tables.tar.xz, of {PUBLISHER}"
        )
    return {name: _table(name, found[name]) for name in sorted(contexts)}


def _unpacked(path: Path, contexts: set[str]) -> Iterator[tuple[str, bytes]]:
    try:
        note(path)
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in contexts and (file := archive.extractfile(member)) is not None:
                    yield name, file.read()
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
        raise UsageError(
            f"the tables cannot be read: {path} ({error}), and there is no folder csv beside it; remedy: take either from "
            f"{PUBLISHER}"
        ) from error


def _table(name: str, data: bytes) -> Table:
    text = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
    try:
        rows = list(csv.reader(text, doublequote=False, escapechar="\\", strict=True))
    except csv.Error as error:
        raise UsageError(f"the table {name!r} cannot be read ({error}); remedy: take it from {PUBLISHER}") from error
    if not rows or not rows[0]:
        raise UsageError(f"the table {name!r} has no header; remedy: take it from {PUBLISHER}")
    return table_of(rows[0], rows[1:])


def _largest(rows: Sequence[Row], tables: Mapping[str, Table], count: int) -> Sequence[Row]:
    """Of equally large ones the earlier in the file."""
    ranked = sorted(range(len(rows)), key=lambda place: tables[rows[place].context].size, reverse=True)
    return [rows[place] for place in sorted(ranked[:count])]


def form_of(id: str, seed: int) -> Form:
    return random.Random(f"{seed}/{id}").choice(FORMS)  # noqa: S311 -- not for secrets; a text seeds the same everywhere


def _task(row: Row, table: Table, form: Form) -> Task:
    height, width = table.size
    return Task(
        id=f"wtq/{row.id}-{form}",
        domain="wikitablequestions",
        prompt=asked(row.question, table, form),
        open=desk(lambda: table, form),
        judge=Denotation(row.values),
        rules=RULES,
        labels={
            "source": "wikitablequestions",
            "licence": "CC-BY-SA-4.0",
            "format": form,
            "rows": height,
            "columns": width,
            "values": len(row.values),
        },
    )
