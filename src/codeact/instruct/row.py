"""A row: one episode as a model is trained on it, and one line of a file.

The seam to training, ours or anybody's: a chat under `messages`, and beside it what has to be known of it to be allowed
to train on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from codeact.errors import UsageError
from codeact.instruct.lines import read_lines, written_whole
from codeact.trajectory.encoding import to_line
from codeact.types import JSON

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class RowMessage:
    """One message. `is_copied_context`: a model reads it and is not trained on it (the name is ATIF's)."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    role: Role
    content: str
    is_copied_context: bool = False

    def to_record(self) -> dict[str, JSON]:
        mark = {"is_copied_context": True} if self.is_copied_context else {}
        return {"role": self.role, "content": self.content, **mark}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One episode to train on."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    id: str  # unique; reads like a path: suite, profile, task, model, format, seed
    messages: Annotated[tuple[RowMessage, ...], Field(min_length=1)]
    turns: Annotated[int, Field(ge=0)]
    success: bool
    domain: str
    task: str  # what may never be in training and validation at once
    source: str
    licence: str  # of the task's data, as SPDX names it; "own" for what we generate; empty when nobody said
    model: str  # who wrote the assistant's messages
    origin: Mapping[str, Any] = field(default_factory=dict[str, Any])  # file, seed, trajectory, repaired, …

    def to_record(self) -> dict[str, JSON]:
        return {
            "id": self.id,
            "messages": [message.to_record() for message in self.messages],
            **self.facts(),
        }

    def facts(self) -> dict[str, JSON]:
        """All but the id and the talk."""
        names = ("turns", "success", "domain", "task", "source", "licence", "model")
        return {**{name: getattr(self, name) for name in names}, "origin": dict(self.origin)}

    @staticmethod
    def from_line(line: bytes) -> Row:
        """Raises ValueError for a line that is no row; says where."""
        try:
            return _adapter().validate_json(line)
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            place = ".".join(map(str, wrong["loc"]))
            raise ValueError(f"{place}: {wrong['msg']}" if place else wrong["msg"]) from error


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, one after the other.

    Raises:
        UsageError: the file cannot be read, holds none, or a line is not a row; names the line and the field.
    """
    number = 0
    for number, line in read_lines(path):
        try:
            yield Row.from_line(line)
        except ValueError as error:
            raise UsageError(f"{str(path)!r}, line {number}: not a row ({error})") from error
    if not number:
        raise UsageError(f"{str(path)!r} holds no rows")


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows into a new file, a line each, and say how many. One that fails in the middle leaves no file.

    Raises:
        UsageError: the file exists.
        SetupError: it cannot be written.
    """
    return write_records(path, (row.to_record() for row in rows))


def write_records(path: Path, records: Iterable[Mapping[str, JSON]], *, again: bool = False) -> int:
    """As `write_rows`, for any JSON objects; `again` lets it take the place of an earlier file."""
    count = 0
    with written_whole(path, again=again) as partial, partial.open("wb") as file:
        for record in records:
            file.write(to_line(record))
            count += 1
    return count


@cache
def _adapter() -> TypeAdapter[Row]:
    return TypeAdapter(Row)
