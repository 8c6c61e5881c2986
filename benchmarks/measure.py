"""Times and memory, and the figures that come of them."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of one subject."""

    subject: str
    what: str
    median: float
    least: float  # nearer to a quiet machine
    unit: str = "ms"


class Watch:
    """A stopwatch; `ms` holds what it has taken."""

    def __init__(self) -> None:
        self.ms: list[float] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.ms.append((time.perf_counter() - started) * 1000)

    def figure(self, subject: str, what: str, per: int = 1) -> Figure:
        """`per`: how many of `what` each measurement holds."""
        return Figure(subject=subject, what=what, median=statistics.median(self.ms) / per, least=min(self.ms) / per)


async def timed(rounds: int, once: Callable[[], Awaitable[Any]]) -> Watch:
    watch = Watch()
    for _ in range(rounds):
        with watch():
            await once()
    return watch


def available() -> float:
    """Memory that the machine could still give away, in MiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) / 1024


def share_of(pids: set[int]) -> float:
    """Proportional memory (PSS) of processes, in MiB: what is shared is split between those who share it."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended, or may not be looked at
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def descendants(pid: int) -> set[int]:
    found, waiting = set[int](), [pid]
    while waiting:
        with contextlib.suppress(OSError):  # it has ended
            for task in list(Path(f"/proc/{waiting.pop()}/task").iterdir()):
                children = {int(word) for word in (task / "children").read_text().split()}
                found |= children
                waiting += children
    return found
