"""The folder of a training: what it was started with, its checkpoints, its results.

A checkpoint counts once it bears a mark that is written after everything else: a killed process leaves half of one.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from codeact.errors import SetupError, UsageError

_WHOLE = "whole"
_FREE = {
    "save_every",
    "at_once",
    "checkpointing",
}  # may change when a training goes on: the same result, but for rounding


@dataclass(frozen=True, slots=True)
class Folder:
    """Names of what is in it, and the rules of starting and going on."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def start(self) -> Path:
        return self.path / "start.json"

    @property
    def report(self) -> Path:
        return self.path / "training.json"

    @property
    def plot(self) -> Path:
        return self.path / "loss.png"

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep other trainings out of the folder as long as this process lives. It is made where it is not there, and
        removed again where nothing came into it.

        Raises:
            UsageError: another process trains in it, or it is no folder.
            SetupError: it cannot be made.
        """
        place = self._opened()
        try:
            self._lock(place)
            yield
        finally:
            os.close(place)
            with suppress(OSError):  # it holds something, as it should
                self.path.rmdir()

    def check(self, start: Mapping[str, Any], *, resume: bool) -> Path | None:
        """Whether a training may begin in the folder, or go on: then the checkpoint from which, if there is one.

        Raises:
            UsageError: the folder holds another training, or this one and `resume` was not asked for, or other files.
        """
        if self.start.exists():
            self._compare(start, resume=resume)
            return self._last()
        if resume:
            raise UsageError(f"there is no training in {str(self.path)!r} to go on with; without --resume one begins")
        if any(self.path.iterdir()):
            raise UsageError(f"{str(self.path)!r} is no empty folder; give --out one of its own")
        return None

    def mark(self, checkpoint: Path, seconds: float) -> None:
        """Say that a checkpoint is complete, and how long it took to come so far."""
        (checkpoint / _WHOLE).write_text(f"{seconds:.1f}\n", encoding="utf-8")

    def seconds(self, checkpoint: Path | None) -> float:
        """How long the training took up to a checkpoint, over all its starts."""
        return float((checkpoint / _WHOLE).read_text(encoding="utf-8")) if checkpoint else 0.0

    def clear(self) -> None:
        """A finished training has no use for checkpoints."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def write(self, path: Path, value: Mapping[str, Any]) -> None:
        """A file of JSON, whole or not at all.

        Raises:
            SetupError: it cannot be written.
        """
        try:
            beside = path.with_suffix(".part")
            beside.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            raise SetupError(f"cannot write {str(path)!r}: {error.strerror}") from error

    def _opened(self) -> int:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{str(self.path)!r} is no folder; give --out another") from None
        except OSError as error:
            raise SetupError(f"cannot make the folder {str(self.path)!r}: {error.strerror}") from error

    def _lock(self, place: int) -> None:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process trains in {str(self.path)!r}; wait for it, or end it") from None

    def _compare(self, start: Mapping[str, Any], *, resume: bool) -> None:
        if self.report.exists():
            raise UsageError(f"the training in {str(self.path)!r} is finished; give --out another folder")
        if not resume:
            raise UsageError(f"{str(self.path)!r} holds a training that has not ended; --resume goes on with it")
        before, now = _flat(json.loads(self.start.read_text(encoding="utf-8"))), _flat(json.loads(json.dumps(start)))
        for name in {**now, **before}:  # also what was there before and is not now: a file of general conversations
            if before.get(name) != now.get(name) and name not in _FREE:
                raise UsageError(
                    f"the training in {str(self.path)!r} was started with {name} {before.get(name)!r}, not "
                    f"{now.get(name)!r}; go on as it was started, or start another in a folder of its own"
                )

    def _last(self) -> Path | None:
        found = sorted(self.checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        for broken in (path for path in found if not (path / _WHOLE).exists()):
            shutil.rmtree(broken, ignore_errors=True)  # another process of this training may be faster
        whole = [path for path in found if (path / _WHOLE).exists()]
        return whole[-1] if whole else None


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """Names of one level: those of settings are the user's own words."""
    flat: dict[str, Any] = {}
    for name, entry in value.items():
        if isinstance(entry, dict):
            nested = cast("dict[str, Any]", entry)
            flat |= nested if name == "settings" else {f"{name}: {key}": inner for key, inner in nested.items()}
        else:
            flat[name] = entry
    return flat
