"""The publishers' files: json lines, one problem each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, Json

from codeact.errors import UsageError
from codeact.tasks import jsonl
from codeact.types import JSON

MBPP = "https://github.com/google-research/google-research/tree/master/mbpp (mbpp.jsonl)"
APPS = "https://huggingface.co/datasets/codeparrot/apps (train.jsonl)"


class MbppRow(BaseModel):
    task_id: int
    text: str
    code: str
    test_setup_code: str
    test_list: list[str]
    challenge_test_list: list[str]


class Cases(BaseModel):
    """The tests of a row of APPS."""

    inputs: list[JSON]
    outputs: list[JSON]
    fn_name: str | None = None


class AppsRow(BaseModel):
    problem_id: int
    question: str
    input_output: Json[Cases] | Literal[""]  # empty where the publisher has no tests
    difficulty: str
    starter_code: str = ""
    solutions: Json[list[str]] | Literal[""] = ""


Row = TypeVar("Row", MbppRow, AppsRow)


def read_rows(data: JSON, name: str, kind: type[Row], publisher: str) -> Sequence[Row]:
    """The rows of a file, or of the file called `name` in a folder.

    Raises:
        UsageError: no such file, or a line of it is not such a row.
    """
    if not isinstance(data, str) or not data:
        raise UsageError(f"this profile has no data of its own; remedy: data=PATH of {publisher}")
    path = Path(data) / name if Path(data).is_dir() else Path(data)
    rows = jsonl.read_rows(path, kind, other=f"none of {publisher}", remedy=f"take it from {publisher}")
    if not rows:
        raise UsageError(f"{path} has no rows; remedy: take it from {publisher}")
    return [row for _, row in rows]
