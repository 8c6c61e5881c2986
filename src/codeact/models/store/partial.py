"""A file that is being filled in, in any order: what is there survives `kill -9`, and what is missing is known."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO

from codeact.models.weights import MiB


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The bytes from `start` up to, but without, `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


class Partial:
    """A sparse file of the final size, and beside it a journal of the spans that were written.

    For one process at a time; its threads may write at once. After a power cut the journal may claim what never reached
    the disk; the hash of the whole finds that.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self.file = folder / "data"
        self._journal = folder / "written"
        folder.mkdir(parents=True, exist_ok=True)
        self.file.touch()
        os.truncate(self.file, size)
        self._spans = _read_journal(self._journal, size)
        self._lock = Lock()

    @property
    def present(self) -> int:
        """Bytes that are there."""
        return sum(span.size for span in self._spans)

    def missing(self) -> Iterator[Span]:
        """What is not there, in order."""
        position = 0
        for span in [*self._spans, Span(self.size, self.size)]:
            if position < span.start:
                yield Span(position, span.start)
            position = span.end

    def has(self, span: Span) -> bool:
        return any(there.start <= span.start and span.end <= there.end for there in self._spans)

    def write(self, start: int, data: bytes) -> None:
        """Write and note bytes at a place of the file. Blocks."""
        with self.file.open("r+b") as file:
            file.seek(start)
            file.write(data)
        self._note(Span(start, start + len(data)))

    def fill(self, span: Span, source: IO[bytes]) -> None:
        """Write exactly one span from a stream and note it when all of it is there. Blocks.

        Raises:
            EOFError: the stream ended too soon.
        """
        with self.file.open("r+b") as file:
            file.seek(span.start)
            while (left := span.end - file.tell()) > 0:
                data = source.read(min(left, MiB))
                if not data:
                    raise EOFError
                file.write(data)
        self._note(span)

    def discard(self) -> None:
        shutil.rmtree(self.folder)

    def _note(self, span: Span) -> None:
        with self._lock:
            self._spans = _merged([*self._spans, span])
            with self._journal.open("a") as journal:
                journal.write(f"{span.start} {span.end}\n")


def _read_journal(path: Path, size: int) -> tuple[Span, ...]:
    """What the journal says. A last line that a crash has cut is taken away, so that the next one begins cleanly."""
    text = path.read_text() if path.exists() else ""
    lines = re.findall(r"^(\d+) (\d+)\n", text, re.MULTILINE)
    clean = path.with_name(path.name + ".new")
    clean.write_text("".join(f"{start} {end}\n" for start, end in lines))
    clean.replace(path)
    spans = [Span(int(start), int(end)) for start, end in lines]
    return _merged([span for span in spans if span.start < span.end <= size])


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
