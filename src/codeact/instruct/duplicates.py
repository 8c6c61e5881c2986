"""De-duplication: what is said twice teaches nothing new, and weighs twice.

Filters that choose within a task have to see all its candidates first. They set them aside in a temporary file and keep
only places, ranks and fingerprints in memory.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import IO, Any

from codeact.instruct.candidate import Candidate
from codeact.instruct.filters import Filter, Once

SHINGLE = 4  # words that lie side by side
_WORD = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"#[^\n]*")


def distinct() -> Filter:
    """Exact duplicates: the same task solved in the same words, whoever said them."""
    return Once("distinct", "the same words again, for the same task", lambda candidate: _digest(candidate))


@dataclass(frozen=True, slots=True)
class Unlike:
    """Near-duplicates within a task: what shares more than `most` of its shingles with a better one is dropped."""

    most: float = 0.8
    name: str = "unlike"

    @property
    def reason(self) -> str:
        return f"for the same task, more than {self.most:.0%} like a better one"

    def __call__(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        with _SetAside(candidates, shingles=True) as aside:
            kept = set[int]()
            for entries in aside.by_task():
                chosen: list[frozenset[int]] = []
                for entry in entries:
                    if all(likeness(entry.shingles, other) <= self.most for other in chosen):
                        chosen.append(entry.shingles)
                        kept.add(entry.place)
            yield from aside.taken(kept)


@dataclass(frozen=True, slots=True)
class Best:
    """The best candidates of each task: those that erred and were fixed first, then the shorter ones."""

    most: int = 2
    name: str = "keep"

    @property
    def reason(self) -> str:
        return f"its task has {self.most} better ones"

    def __call__(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        with _SetAside(candidates) as aside:
            kept = {entry.place for entries in aside.by_task() for entry in entries[: self.most]}
            yield from aside.taken(kept)


def preference(candidate: Candidate) -> tuple[bool, int, int]:
    """Small is good. What erred and was fixed teaches to recover; of two, the one with fewer turns and words is."""
    length = sum(len(message.content) for message in candidate.row.messages)
    return (not candidate.erred_then_fixed, candidate.row.turns, length)


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of shingles that both have, of those that either has."""
    return len(one & other) / len(one | other) if one or other else 1.0


def shingles(candidate: Candidate) -> frozenset[int]:
    """What the assistant said, without comments, spacing and case."""
    words = _WORD.findall(_COMMENT.sub("", _said(candidate)).lower())
    last = max(1, len(words) - SHINGLE + 1)
    return frozenset(_hashed(" ".join(words[start : start + SHINGLE])) for start in range(last))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A candidate that was set aside."""

    place: int  # in bytes, in the file
    task: str
    rank: tuple[Any, ...]
    shingles: frozenset[int]


class _SetAside:
    """Candidates in a temporary file."""

    def __init__(self, candidates: Iterator[Candidate], *, shingles: bool = False) -> None:
        self._candidates = candidates
        self._with_shingles = shingles
        self._entries: list[_Entry] = []

    def __enter__(self) -> _SetAside:
        self._file: IO[bytes] = tempfile.TemporaryFile()
        try:
            for candidate in self._candidates:
                marks = shingles(candidate) if self._with_shingles else frozenset[int]()
                rank = (*preference(candidate), candidate.row.id)
                self._entries.append(_Entry(self._file.tell(), candidate.same_task, rank, marks))
                self._file.write(candidate.to_line())
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def by_task(self) -> Iterator[list[_Entry]]:
        """The entries of each task, the best first."""
        groups: dict[str, list[_Entry]] = {}
        for entry in self._entries:
            groups.setdefault(entry.task, []).append(entry)
        for entries in groups.values():
            yield sorted(entries, key=lambda entry: entry.rank)

    def taken(self, places: set[int]) -> Iterator[Candidate]:
        """Those at these places, in the order in which they came."""
        for place in sorted(places):
            self._file.seek(place)
            yield Candidate.from_line(self._file.readline())


def _said(candidate: Candidate) -> str:
    return "\n".join(message.content for message in candidate.row.messages if message.role == "assistant")


def _digest(candidate: Candidate) -> str:
    words = " ".join(_said(candidate).split())
    return blake2b(f"{candidate.same_task}\0{words}".encode(), digest_size=16).hexdigest()


def _hashed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
