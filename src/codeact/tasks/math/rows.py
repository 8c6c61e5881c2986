"""MATH's files as its publisher has them: `<subject>.jsonl`, one problem a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from codeact.errors import UsageError
from codeact.tasks import jsonl
from codeact.types import JSON

SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
PUBLISHER = "https://github.com/hendrycks/math"

Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Row(BaseModel):
    """One problem."""

    question: Filled
    answer: str  # two of the publisher's are empty
    level: Annotated[str, StringConstraints(pattern=r"^Level [1-5?]$")]

    @property
    def difficulty(self) -> int:
        """From 1 to 5; 0 where the publisher has none."""
        digit = self.level[-1]
        return int(digit) if digit.isdigit() else 0


def read_rows(data: JSON, subject: str) -> Sequence[tuple[int, Row]]:
    """The problems of a subject with their lines' numbers, which are all they have for a name.

    Raises:
        UsageError: there is no such file, or a line of it is no problem.
    """
    return jsonl.read_rows(
        folder_of(data) / f"{subject}.jsonl",
        Row,
        other="no problem of MATH",
        missing=f"the subject {subject!r} is missing: ",
        remedy=f"make it from {PUBLISHER}, or leave the subject out (subjects=…)",
    )


def folder_of(data: JSON) -> Path:
    """The folder of the subjects: the one that was given, or `train` in it.

    Raises:
        UsageError: none was given, or it is not there.
    """
    if not isinstance(data, str | Path) or not str(data):
        raise UsageError(f"MATH is no part of this package; remedy: data=FOLDER with its files, made from {PUBLISHER}")
    given = Path(data)
    found = next((folder for folder in (given / "train", given) if folder.is_dir()), None)
    if found is None:
        raise UsageError(f"data={str(data)!r} is no folder; remedy: one with <subject>.jsonl, made from {PUBLISHER}")
    return found
