"""Rows as a Parquet file, for `datasets` and whatever else reads columns. Needs the extra `instruct` (pyarrow)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from codeact.errors import UsageError
from codeact.instruct.lines import written_whole
from codeact.instruct.row import Row

GROUP = 1000  # rows that are in memory at a time

# pyarrow's own annotations are partial, so both are Any
_arrow: Any = import_module("pyarrow")
_parquet: Any = import_module("pyarrow.parquet")

_MESSAGE = _arrow.struct(
    [("role", _arrow.string()), ("content", _arrow.string()), ("is_copied_context", _arrow.bool_())]
)
SCHEMA: Any = _arrow.schema(
    [
        ("id", _arrow.string()),
        ("messages", _arrow.list_(_MESSAGE)),
        ("turns", _arrow.int64()),
        ("success", _arrow.bool_()),
        *((name, _arrow.string()) for name in ("domain", "task", "source", "licence", "model")),
        ("origin", _arrow.string()),  # JSON: what it holds differs from row to row
    ]
)


def write_parquet(path: Path, rows: Iterable[Row]) -> int:
    """Write rows into a new file and say how many. One that fails in the middle leaves no file.

    Raises:
        UsageError: the file exists.
        SetupError: it cannot be written.
    """
    count, waiting = 0, iter(rows)
    with (
        written_whole(path) as partial,
        _parquet.ParquetWriter(str(partial), SCHEMA, compression="zstd") as writer,
    ):
        while group := list(islice(waiting, GROUP)):
            writer.write_table(_arrow.Table.from_pylist([_columns(row) for row in group], schema=SCHEMA))
            count += len(group)
    return count


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of such a file.

    Raises:
        UsageError: the file cannot be read, or holds no rows of ours; names the row and the field.
    """
    number = 0
    try:
        with _parquet.ParquetFile(str(path)) as file:
            for batch in file.iter_batches(GROUP):
                for record in batch.to_pylist():
                    number += 1
                    yield Row.from_line(json.dumps(_record(record)).encode())
    except (OSError, _arrow.ArrowException) as error:
        raise UsageError(f"cannot read the Parquet file {str(path)!r}: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{str(path)!r}, row {number}: not a row ({error})") from error


def _columns(row: Row) -> dict[str, Any]:
    messages = [{"is_copied_context": False, **message.to_record()} for message in row.messages]
    return {"id": row.id, "messages": messages, **row.facts(), "origin": json.dumps(dict(row.origin))}


def _record(columns: dict[str, Any]) -> dict[str, Any]:
    return {**columns, "origin": json.loads(columns["origin"])}
