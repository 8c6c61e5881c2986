"""A table as text has it, as values, and as an agent finds it: in a database or in a data frame."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Cell = str | int | float | None
Form = Literal["sql", "pandas"]
FORMS: tuple[Form, ...] = ("sql", "pandas")
SHOWN = 5  # rows, as in the paper
WIDEST = 60  # characters of a cell in the prompt

_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_POINT = re.compile(r"-?(?:0|[1-9]\d{0,14})\.\d{1,10}")


@dataclass(frozen=True, slots=True)
class Table:
    columns: Sequence[str]  # distinct
    rows: Sequence[Sequence[Cell]]

    @property
    def size(self) -> tuple[int, int]:
        return len(self.rows), len(self.columns)


def table_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Names are made distinct, rows as wide as the header; a column becomes numbers where all of it is plain numbers."""
    names = distinct(header)
    wide = [[*row[: len(names)], *[""] * (len(names) - len(row))] for row in rows]
    columns = [_typed([row[place] for row in wide]) for place in range(len(names))]
    return Table(names, list(zip(*columns, strict=True)) if columns else [])


def distinct(header: Sequence[str]) -> list[str]:
    """Names that a query can tell apart, as SQLite does: without regard to capitals."""
    names: list[str] = []
    for place, name in enumerate(header, start=1):
        plain = " ".join(name.split()) or f"column {place}"
        taken = {other.casefold() for other in names}
        tries = (plain if number == 1 else f"{plain} {number}" for number in range(1, len(header) + 2))
        names.append(next(each for each in tries if each.casefold() not in taken))
    return names


def _typed(column: Sequence[str]) -> Sequence[Cell]:
    known = [text for text in column if text]
    if known and all(map(_WHOLE.fullmatch, known)):
        return [int(text) if text else None for text in column]
    if known and all(_POINT.fullmatch(text) or _WHOLE.fullmatch(text) for text in known):
        return [float(text) if text else None for text in column]
    return [text or None for text in column]


def setup_of(table: Table, form: Form) -> str:
    """Code that puts a table into a session: `conn` with `data_table`, or `df` and `pd`."""
    head = f"import json\ncolumns = json.loads({_json(table.columns)})\nrows = json.loads({_json(table.rows)})\n"
    return head + (_SQL if form == "sql" else _PANDAS) + "del json, columns, rows\n"


def head_of(table: Table) -> str:
    """The first rows, as the prompt shows them."""
    lines = [table.columns, *table.rows[:SHOWN]]
    return "\n".join(" | ".join(map(_short, line)) for line in lines)


def _short(cell: Cell) -> str:
    text = "" if cell is None else " ".join(str(cell).split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _json(value: object) -> str:
    return repr(json.dumps(value, ensure_ascii=False))


# No thread of its own: code may reach the connection from a tool's thread too.
_SQL = """\
import sqlite3
conn = sqlite3.connect(":memory:", check_same_thread=False)
quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
conn.execute(f"CREATE TABLE data_table ({', '.join(quoted)})")
conn.executemany(f"INSERT INTO data_table VALUES ({', '.join('?' * len(columns))})", rows)
conn.commit()
del quoted
"""
_PANDAS = """\
import pandas as pd
df = pd.DataFrame(rows, columns=columns)
"""
