"""Reading trajectories back, line by line, from a file that may have been cut off in the middle of a line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from codeact.errors import TrajectoryError
from codeact.trajectory.encoding import from_line
from codeact.types import JSON, Outcome, Step, Trajectory

VERSION = 1  # of the schema, the newest that this code reads
PASSED_OVER = ("job", "broken")  # lines of a results file that hold no trajectory


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file held. `problems` are in words, for people: what had to be left out, and where."""

    trajectories: tuple[Trajectory, ...]
    problems: tuple[str, ...] = ()


def load_trajectory(path: str | Path) -> Trajectory:
    """The trajectory in a file; the last one, where a conversation left several.

    Raises:
        TrajectoryError: no such file, no trajectory in it, or one that is broken before its end.
    """
    problems: list[str] = []
    last = deque(iter_trajectories(path, problems.append), maxlen=1)
    if not last:
        reason = f": {problems[0]}" if problems else ""
        raise TrajectoryError(f"{str(path)!r} holds no trajectory{reason}")
    return last[0]


def load_trajectories(path: str | Path) -> list[Trajectory]:
    """All trajectories in a file. Raises `TrajectoryError` as `load_trajectory` does, but not for an empty file."""
    return list(iter_trajectories(path))


def load_report(path: str | Path) -> Loaded:
    """All trajectories in a file, and what was wrong with it. Raises `TrajectoryError` as `load_trajectories` does."""
    problems: list[str] = []
    return Loaded(tuple(iter_trajectories(path, problems.append)), tuple(problems))


def iter_trajectories(
    path: str | Path, on_problem: Callable[[str], None] = lambda problem: None
) -> Iterator[Trajectory]:
    """The trajectories of a file, one after the other, reading no more of it than needed.

    Reads both forms, also mixed: a line for each record as a run writes them, and a line for each whole trajectory. A
    broken line at the end of a trajectory (a crash in the middle of writing) is left out and told to `on_problem`.

    Raises:
        TrajectoryError: anything else that is broken, with its line number.
    """
    try:
        with Path(path).open("rb") as file:
            yield from trajectories_in(enumerate(file, 1), path, on_problem)
    except OSError as error:
        raise TrajectoryError(f"cannot read the trajectory file {str(path)!r}: {error.strerror or error}") from error


def trajectories_in(
    lines: Iterable[tuple[int, bytes]], path: str | Path, on_problem: Callable[[str], None] = lambda problem: None
) -> Iterator[Trajectory]:
    """The same of lines with their numbers, wherever they come from; `path` is what problems name."""
    reader = _Reader(str(path), on_problem)
    for number, line in lines:
        if line.strip():
            yield from reader.read(number, line)
    yield from reader.end()


def whole_trajectory(record: Mapping[str, JSON]) -> Trajectory:
    """The trajectory of a record that holds it whole; other fields of the record are passed over.

    Raises:
        ValueError: it holds none, or one of another version of the schema; says where.
    """
    if (version := record.get("schema_version", 1)) != VERSION:
        raise ValueError(f"a trajectory in schema version {version!r}, and this codeact reads version {VERSION}")
    return _adapter(Trajectory).validate_python(record)


@dataclass(slots=True)
class _Reader:
    """Puts lines together to trajectories."""

    path: str
    on_problem: Callable[[str], None]
    header: Trajectory | None = None
    steps: list[Step] = field(default_factory=list[Step])
    outcome: Outcome | None = None
    broken: tuple[int, str] | None = (
        None  # number of a line that is not JSON, and why; fine if its trajectory ends there
    )

    def read(self, number: int, line: bytes) -> Iterator[Trajectory]:
        try:
            record = from_line(line)
        except ValueError as error:
            self._forgive_nothing()
            self.broken = number, str(error)
            return
        kind, fields = self._fields(number, record)
        if kind in PASSED_OVER:
            yield from self.end()
            return
        if kind == "trajectory":
            yield from self.end()
            self._check_version(number, fields)
            header: Trajectory = self._value(Trajectory, number, fields)
            self.header, self.steps, self.outcome = header, list(header.steps), header.outcome
            return
        self._forgive_nothing()
        if self.header is None:
            raise self._error(number, f"a {kind} without a trajectory before it")
        if kind == "step":
            self.steps.append(self._value(Step, number, fields))
        else:
            self.outcome = self._value(Outcome, number, fields)

    def end(self) -> Iterator[Trajectory]:
        if self.broken is not None:
            number, reason = self.broken
            self.on_problem(f"{self.path!r}, line {number}: left out, because it was cut off or damaged ({reason})")
        if self.header is not None:
            yield replace(self.header, steps=tuple(self.steps), outcome=self.outcome)
        self.header, self.broken = None, None

    def _fields(self, number: int, record: JSON) -> tuple[str, dict[str, JSON]]:
        fields = cast("dict[str, JSON]", record) if isinstance(record, dict) else {}
        kind = fields.pop("kind", None)
        if kind not in ("trajectory", "step", "outcome", *PASSED_OVER):
            raise self._error(number, f"not a record of a trajectory (its kind is {kind!r})")
        return kind, fields

    def _value(self, type_: Any, number: int, fields: dict[str, JSON]) -> Any:
        try:
            return _adapter(type_).validate_python(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise self._error(number, f"{place}: {first['msg']}, got {first['input']!r:.80}") from error

    def _check_version(self, number: int, fields: dict[str, JSON]) -> None:
        version = fields.get("schema_version", 1)
        if version != VERSION:
            raise self._error(
                number,
                f"written in schema version {version!r}, and this codeact reads version {VERSION}; "
                "remedy: pip install --upgrade codeact",
            )

    def _forgive_nothing(self) -> None:
        """A line follows that continues the trajectory, so a broken one before it was no crash at its end."""
        if self.broken is not None:
            raise self._error(*self.broken)

    def _error(self, number: int, reason: str) -> TrajectoryError:
        return TrajectoryError(f"{self.path!r}, line {number}: {reason}")


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)
