"""Where the episodes of a results file lie, so that one can be read without the others.

A file is read once, line by line; a few words and the line's place are kept of each episode. One that has grown is read
on from where it ended, one that was replaced is read anew. A last line that is still being written waits until it is
whole; lines that are none of a results file are counted and passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, cast

from codeact.rollouts.job import SCHEMA, Key
from codeact.rollouts.results import Rollout
from codeact.rollouts.taxonomy import episode_failure
from codeact.trajectory.encoding import from_line
from codeact.types import JSON

MARK: Final = b'{"kind":"job"'  # how a results file begins
LONGEST: Final = 16 * 1024 * 1024  # bytes of a line; a longer one is not read into memory
_BROKEN: Final = (KeyError, TypeError, ValueError, AttributeError, RecursionError)  # what a line that is none may raise

End = Literal["solved", "failed", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """An episode as the list has it, and where its line is."""

    key: Key
    end: End
    failure: str = ""  # of which kind (`rollouts.taxonomy`); empty for a success
    domain: str = ""
    turns: int = 0
    at: int  # bytes from the beginning of the file
    size: int  # bytes


@dataclass(slots=True)
class Row:
    """A task with a seed, and its episodes by format."""

    id: str
    task: str
    seed: int
    played: dict[str, Played] = field(default_factory=dict[str, Played])


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Which job a file is of: its first line."""

    suite: str
    profile: str
    model: str
    actions: Sequence[str]
    episodes: int  # that there will be


class Index:
    """Of one file. Not for several threads at a time."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name  # for people: how it is found from what was given
        self.id = name_of(str(path))
        self.head: Head | None = None  # None while the file is none of results
        self.rows: dict[str, Row] = {}
        self.unreadable = 0  # lines
        self._seen: tuple[int, ...] = ()  # of the file, when it was read last
        self._begins = b""  # its first line
        self._end = 0  # bytes that have been read

    def refresh(self) -> bool:
        """Read what is new; False where there is nothing to show."""
        try:
            with opened(self.path) as file:
                now = os.fstat(file.fileno())
                seen = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
                if seen != self._seen:
                    self._catch_up(file, seen)
                    self._seen = seen
        except OSError:
            self._forget()
        return self.head is not None

    def read(self, played: Played) -> Rollout | None:
        """An episode, whole; None where the file no longer has it, or it cannot be read."""
        try:
            with opened(self.path) as file:
                file.seek(played.at)
                rollout = Rollout.from_record(cast("dict[str, Any]", from_line(file.read(played.size))))
        except (OSError, *_BROKEN):
            return None
        return rollout if rollout.key == played.key else None

    def _catch_up(self, file: BinaryIO, seen: tuple[int, ...]) -> None:
        if seen[:2] != self._seen[:2] or not self._has_grown(file, seen[2]):
            self._forget()
        file.seek(self._end)
        for at, size, line in lines(file):
            if at + size > seen[2]:  # added meanwhile: the next look finds that the file has grown by it
                return
            if at == 0:
                self._begins, self.head = line, _head(line)
            elif self.head is not None:
                self._add(at, size, line)
            if self.head is None:
                return
            self._end = at + size

    def _has_grown(self, file: BinaryIO, size: int) -> bool:
        """Whether what was read is still there, as far as two looks can tell; `read` looks at each episode again."""
        if not self._end or size <= self._end or file.read(len(self._begins)) != self._begins:
            return False
        file.seek(self._end - 1)
        return file.read(1) == b"\n"

    def _forget(self) -> None:
        self.head, self.rows, self.unreadable = None, {}, 0
        self._seen, self._begins, self._end = (), b"", 0

    def _add(self, at: int, size: int, line: bytes) -> None:
        try:
            played = _played(line, at, size)
        except _BROKEN:
            self.unreadable += 1
            return
        key = played.key
        id = name_of(json.dumps([key.task, key.seed]))
        self.rows.setdefault(id, Row(id, key.task, key.seed)).played[key.actions] = played  # the last try counts


def name_of(text: str) -> str:
    """An address for what has a name that may hold anything."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:20]


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """A plain file, not what a link points to. Raises OSError; waits for no pipe."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{str(path)!r} is no plain file")
        yield stream


def lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Where each whole line is, how long, and the line; empty in place of one that is too long to be held."""
    at = file.tell()
    while line := file.readline(LONGEST):
        size, last = len(line), line
        while not last.endswith(b"\n") and (last := file.readline(LONGEST)):
            size, line = size + len(last), b""
        if not last:
            return  # not whole yet
        yield at, size, line
        at += size


def _head(line: bytes) -> Head | None:
    try:
        job = json.loads(line)
        if job["kind"] != "job" or job["schema"] != SCHEMA:
            return None
        actions = tuple(str(name) for name in job["actions"])
        names = {name: str(job[name]) for name in ("suite", "profile", "model")}
        return Head(**names, actions=actions, episodes=len(job["tasks"]) * len(job["seeds"]) * len(actions))
    except _BROKEN:
        return None


def _played(line: bytes, at: int, size: int) -> Played:
    record: Mapping[str, JSON] = json.loads(line)
    about = record["rollout"]
    key = Key(str(about["task"]), str(about["actions"]), int(about["seed"]))
    played = Played(key=key, end="broken", domain=str(about["labels"].get("domain", "")), at=at, size=size)
    if record["kind"] == "broken":
        return played
    solved, turns = about["verdict"]["correct"] is True, len(record.get("steps", ()))
    return replace(played, end="solved" if solved else "failed", failure="" if solved else _failure(line), turns=turns)


def _failure(line: bytes) -> str:
    """Read from the steps, so all of the episode is; those that went well need not be."""
    rollout = Rollout.from_record(cast("dict[str, Any]", from_line(line)))
    if rollout.trajectory is None or rollout.verdict is None:
        raise ValueError("an episode that was not judged")
    return episode_failure(rollout.trajectory, rollout.verdict) or ""
