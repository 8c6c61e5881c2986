"""`codeact export`: a recorded run in the forms that other programs and people read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

from codeact.cli.options import option
from codeact.cli.records import RecordFile, read_records
from codeact.errors import MissingExtraError, UsageError
from codeact.rollouts import read_results
from codeact.trajectory.forms import Form, convert

Target = Literal["messages", "markdown", "notebook", "inspect"]
FORM_OF_SUFFIX: dict[str, Form] = {".jsonl": "messages", ".md": "markdown", ".ipynb": "notebook"}


def export(
    file: RecordFile,
    to: Annotated[
        Target,
        option("--to", help="messages is one chat per line, as trainers read it; inspect is for a job's results."),
    ],
    out: Annotated[
        Path | None,
        option("--out", "-o", metavar="FILE", help="Where to; default: standard output, for inspect the folder logs."),
    ] = None,
) -> int:
    """Convert a recorded run to chat messages, Markdown or a Jupyter notebook, or a job's results to Inspect logs."""
    if to == "inspect":
        for path in inspect_logs(file, out or Path("logs")):
            sys.stdout.write(f"{path}\n")
        return 0
    text = convert(read_records(file), to)
    if out is None:
        sys.stdout.write(text)
    else:
        write_new(out, text)
    return 0


def inspect_logs(file: Path, folder: Path) -> Sequence[Path]:
    """Raises what `export_logs` raises, and `MissingExtraError`."""
    results = read_results(file)
    try:
        logs = import_module("codeact.inspect.logs")
    except ModuleNotFoundError as error:
        if error.name != "inspect_ai":
            raise
        raise MissingExtraError("inspect", "an export to Inspect") from error
    return logs.export_logs(results, folder)


def write_new(path: Path, text: str) -> None:
    """Raises `UsageError` when the file exists or cannot be written."""
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:  # UTF-8 has no lone surrogates
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{str(path)!r} exists; give another name, or move it away") from error
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from error
