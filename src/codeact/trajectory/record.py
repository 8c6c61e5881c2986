"""Writing a run down as it goes, so that a crash loses nothing but the line that was being written."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from codeact.errors import SetupError, UsageError
from codeact.trajectory.encoding import encode, to_line
from codeact.types import JSON, Outcome, Step, Trajectory

HEADER = ("steps", "outcome")  # what a header leaves to the lines that follow it


class TrajectoryWriter:
    """Appends to a JSONL file: a `trajectory` line, its `step` lines, its `outcome` line, perhaps the next trajectory.

    `with TrajectoryWriter(path) as writer: writer.begin(trajectory); writer.step(step); …; writer.end(outcome)`. Each
    line is one write, in the kernel's hands when the call returns; `end` also waits until it is on the disk.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._file: int | None = None
        self._begun = False

    def __enter__(self) -> TrajectoryWriter:
        """Raises `SetupError` when the file cannot be opened; missing folders are made."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._end_broken_line(self._file)
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._flush()
            os.close(self._file)
            self._file = None

    def begin(self, trajectory: Trajectory) -> None:
        """Start a trajectory. Steps and an outcome that it already has are written too.

        Raises:
            SetupError: the disk is full or gone.
        """
        header = encode(trajectory)
        self._write("trajectory", {key: value for key, value in header.items() if key not in HEADER})
        self._begun = True
        for step in trajectory.steps:
            self.step(step)
        if trajectory.outcome is not None:
            self.end(trajectory.outcome)

    def step(self, step: Step) -> None:
        """Append a step. Raises `SetupError` as `begin` does."""
        self._require_begun("step")
        self._write("step", encode(step))

    def end(self, outcome: Outcome) -> None:
        """Append the outcome. Raises `SetupError` as `begin` does."""
        self._require_begun("outcome")
        self._write("outcome", encode(outcome))
        self._begun = False
        self._flush()

    def _write(self, kind: str, fields: dict[str, JSON]) -> None:
        if self._file is None:
            raise UsageError("a TrajectoryWriter writes inside its `with` block only")
        size = os.fstat(self._file).st_size
        rest = memoryview(to_line({"kind": kind, **fields}))
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            with suppress(OSError):  # not a regular file
                os.ftruncate(self._file, size)  # no half line in the middle, should there be room again later
            raise self._failed(error) from error

    def _flush(self) -> None:
        with suppress(OSError):  # a pipe or a device, which has nothing to wait for
            os.fsync(self._file if self._file is not None else -1)

    def _require_begun(self, what: str) -> None:
        if not self._begun:
            raise UsageError(f"a {what} belongs to a trajectory; call begin(trajectory) first")

    def _failed(self, error: OSError) -> SetupError:
        return SetupError(f"cannot write the trajectory file {str(self._path)!r}: {error.strerror or error}")

    @staticmethod
    def _end_broken_line(file: int) -> None:
        """Where an earlier writer crashed in the middle of a line, end that line, so that ours starts on its own."""
        state = os.fstat(file)
        if stat.S_ISREG(state.st_mode) and state.st_size and os.pread(file, 1, state.st_size - 1) != b"\n":
            os.write(file, b"\n")


def dump_line(trajectory: Trajectory) -> str:
    """A whole trajectory as one line, without the line end: the form in which many are kept in one file."""
    fields: dict[str, Any] = {"kind": "trajectory", **encode(trajectory)}
    return to_line(fields).decode().rstrip("\n")
