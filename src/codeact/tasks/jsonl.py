"""Publishers' files of JSON lines, each line a row of a known form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from codeact.errors import UsageError
from codeact.tasks.files import read_text

Row = TypeVar("Row", bound=BaseModel)


def read_rows(path: Path, kind: type[Row], *, other: str, remedy: str, missing: str = "") -> Sequence[tuple[int, Row]]:
    """The rows with their lines' numbers, empty lines left out.

    The words are for errors: a line that is none is `other`; `missing` says what is not there without the file.

    Raises:
        UsageError: the file cannot be read, or a line of it is no such row; names the line and the field.
    """
    try:
        lines = read_text(path).split("\n")  # a text may hold other ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{missing}{path} cannot be read ({error}); remedy: {remedy}") from error
    return [(number, _row(path, number, line, kind, other)) for number, line in enumerate(lines, 1) if line.strip()]


def _row(path: Path, number: int, line: str, kind: type[Row], other: str) -> Row:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"])) or "the line"
        raise UsageError(f"line {number} of {path} is {other}: {place}: {wrong['msg']}") from error
