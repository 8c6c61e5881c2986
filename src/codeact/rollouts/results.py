"""The results file of a job: a line that says which job, then one line for each episode, appended when it has ended.

A line is one write, so a killed run leaves at most its last line broken, and loses no more than the episodes that were
going on. Whoever adds to the file holds a lock on it. An episode's line is its whole trajectory, so whatever reads
trajectories reads this file too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast

from codeact.errors import SetupError, UsageError
from codeact.rollouts.job import SCHEMA, Job, Key
from codeact.rollouts.loss import Loss
from codeact.tasks import Verdict
from codeact.trajectory import whole_trajectory
from codeact.trajectory.encoding import encode, from_line, to_line
from codeact.types import JSON, Trajectory, Usage

_TOKENS = tuple(field.name for field in fields(Usage))
Status = Literal["judged", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One episode as it is kept."""

    key: Key
    status: Status  # "broken": the machinery failed, which says nothing of the model
    labels: Mapping[str, JSON]  # of the task: its domain, and what else reports group by
    verdict: Verdict | None = None
    trajectory: Trajectory | None = None
    error: str = ""  # of the machinery
    lost: Loss = field(default_factory=Loss)  # by tries of it that broke, in all runs of the job

    @property
    def correct(self) -> bool:
        return self.verdict is not None and self.verdict.correct

    @property
    def repair(self) -> Mapping[str, Any] | None:
        """Of a repaired episode, how it was: `from` which trajectory, how many `tries`, and what they have `spent`."""
        return self.labels.get("repaired")

    @property
    def spent(self) -> Usage:
        """What playing it has used, broken tries left out. The first steps of a repaired episode are another's, and
        were paid for there.
        """
        if self.repair is not None:
            return Usage(**{name: self.repair["spent"][name] for name in _TOKENS})
        outcome = self.trajectory.outcome if self.trajectory else None
        return outcome.usage if outcome else Usage()

    def to_line(self) -> bytes:
        about: dict[str, Any] = {**asdict(self.key), "labels": dict(self.labels)}
        if self.lost.tries:
            about["lost"] = self.lost.to_record()
        if self.trajectory is None or self.verdict is None:
            return to_line({"kind": "broken", "rollout": about, "error": self.error})
        about["verdict"] = asdict(self.verdict)
        return to_line({"kind": "trajectory", **encode(self.trajectory), "rollout": about})

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> Rollout:
        """Raises KeyError, TypeError or ValueError for a record that is none."""
        about = record["rollout"]
        key, labels = Key(str(about["task"]), str(about["actions"]), int(about["seed"])), about["labels"]
        lost = Loss.from_record(about["lost"]) if "lost" in about else Loss()
        if record["kind"] == "broken":
            return Rollout(key=key, status="broken", labels=labels, error=record["error"], lost=lost)
        verdict, trajectory = Verdict(**about["verdict"]), whole_trajectory(record)
        return Rollout(key=key, status="judged", labels=labels, verdict=verdict, trajectory=trajectory, lost=lost)


def outcomes_by_task(rollouts: Iterable[Rollout]) -> list[list[bool]]:
    """Who succeeded, as `share_interval` wants it: of each task, in all its seeds."""
    found: dict[str, list[bool]] = {}
    for rollout in rollouts:
        found.setdefault(rollout.key.task, []).append(rollout.correct)
    return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a file holds: the job it is of, and its episodes by key; of one that was tried again, the last."""

    job: Mapping[str, JSON]
    rollouts: Mapping[Key, Rollout]

    @property
    def judged(self) -> list[Rollout]:
        return [rollout for rollout in self.rollouts.values() if rollout.status == "judged"]

    @property
    def broken(self) -> list[Rollout]:
        return [rollout for rollout in self.rollouts.values() if rollout.status == "broken"]

    @property
    def lost(self) -> Loss:
        """By all tries that broke, of episodes that were judged later too."""
        return sum((rollout.lost for rollout in self.rollouts.values()), Loss())


def read_results(path: str | Path) -> Results:
    """What a file holds. A last line that was cut off is left out: its episode will be run again.

    Raises:
        UsageError: no such file, or not a results file; names the line. One whose first line is not whole is none yet.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UsageError(f"cannot read the results file {str(path)!r}: {error.strerror or error}") from error
    job: Mapping[str, JSON] = {}
    rollouts = dict[Key, Rollout]()
    for number, line in enumerate(lines, 1):
        try:
            record = cast("dict[str, Any]", from_line(line))
            if number == 1:
                job = _header(record)
            else:
                rollout = Rollout.from_record(record)
                rollouts[rollout.key] = rollout
        except (KeyError, TypeError, ValueError) as error:
            if number < len(lines) or line.endswith(b"\n"):
                raise UsageError(f"{str(path)!r}, line {number}: not of a results file ({error})") from error
    if not job:
        raise UsageError(
            f"{str(path)!r} holds no results: it is empty, or of something else, or was cut off in its first line"
        )
    return Results(job=job, rollouts=rollouts)


def _header(record: dict[str, Any]) -> Mapping[str, JSON]:
    if record.get("kind") != "job":
        raise ValueError(f"it begins with a {record.get('kind')!r} and not with a 'job'")
    if record.get("schema") != SCHEMA:
        raise ValueError(f"its schema is {record.get('schema')!r}, and this codeact reads {SCHEMA}")
    return {name: value for name, value in record.items() if name != "kind"}


class ResultsWriter:
    """Adds to a results file; `begun` makes one."""

    def __init__(self, file: int, path: Path, done: Mapping[Key, Rollout]) -> None:
        self._file = file
        self._path = path
        self.done = dict(done)

    def lost(self, key: Key) -> Loss:
        """By broken tries of an episode so far."""
        return self.done[key].lost if key in self.done else Loss()

    def add(self, rollout: Rollout) -> None:
        """Adding what is there already does nothing. Raises `SetupError` when the disk is full or gone; then the file
        is as it was.
        """
        if self.done.get(rollout.key) is rollout:
            return
        _append(self._file, self._path, rollout.to_line())
        self.done[rollout.key] = rollout


def known_results(path: Path, job: Job) -> Mapping[Key, Rollout]:
    """What the job has in this file so far; nothing where there is no file yet. Changes nothing.

    Raises:
        UsageError: the file is of another job (says in what), or not a results file.
    """
    if not path.is_file() or _first_line(job).startswith(path.read_bytes()):
        return {}  # no more than the first line, which may have been cut off
    results = read_results(path)
    _check_same(path, results.job, job.header())
    return results.rollouts


@contextmanager
def begun(path: Path, job: Job) -> Generator[ResultsWriter]:
    """Go on with the job's results in this file, or begin them.

    Raises:
        UsageError: the file is of another job (says in what), or not a results file, or another run is writing to it.
        SetupError: it cannot be written.
    """
    file = _opened(path)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another run is writing to {str(path)!r}; wait for it, or name another file") from None
        done = known_results(path, job)
        _mend_end(file, path)
        if not os.fstat(file).st_size:
            _append(file, path, _first_line(job))
        yield ResultsWriter(file, path, done)
    finally:
        os.close(file)


def _first_line(job: Job) -> bytes:
    return to_line({"kind": "job", **job.header()})


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SetupError(f"cannot write the results file {str(path)!r}: {error.strerror or error}") from error


def _mend_end(file: int, path: Path) -> None:
    """Take away what a killed run has written of its last line; one that only lacks its end gets that."""
    size = os.fstat(file).st_size
    if not size or os.pread(file, 1, size - 1) == b"\n":
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    try:
        from_line(data[whole:])
    except ValueError:
        os.ftruncate(file, whole)
    else:
        _append(file, path, b"\n")


def _append(file: int, path: Path, line: bytes) -> None:
    size = os.fstat(file).st_size
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError as error:
        os.ftruncate(file, size)
        raise SetupError(f"cannot write the results file {str(path)!r}: {error.strerror or error}") from error


def _check_same(path: Path, found: Mapping[str, JSON], wanted: Mapping[str, JSON]) -> None:
    for name, there, here in _differing(found, wanted):
        why = " (the files that the tasks are made from have changed)" if name == "options.data" else ""
        raise UsageError(
            f"{str(path)!r} holds results of another job: its {name} is {_short(there)}, and here it is {_short(here)}"
            f"{why}; results of different jobs are never mixed, so name another file or folder"
        )


def _differing(found: Mapping[str, JSON], wanted: Mapping[str, JSON]) -> Iterator[tuple[str, JSON, JSON]]:
    """The fields in which two jobs differ, those of options and settings by their own names."""
    for name, here in wanted.items():
        there = found.get(name)
        if name in ("options", "settings") and isinstance(there, dict):
            old, new = cast("dict[str, JSON]", there), cast("dict[str, JSON]", here)
            parts = {part: (old.get(part), new.get(part)) for part in (*new, *old)}
            yield from ((f"{name}.{part}", *both) for part, both in parts.items() if both[0] != both[1])
        elif there != here:
            yield name, there, here


def _short(value: JSON) -> str:
    if value is None:
        return "not given"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
