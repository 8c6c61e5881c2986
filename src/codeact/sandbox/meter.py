"""What a session uses as a whole, and what is done when that is too much.

Total memory is held by a control group where the host has one; where not, it is watched, and the largest process ended,
which is weaker: who allocates fast wins some hundred MB until the next look. Processor time is counted by either, and
limited per action.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeact.errors import UsageError
from codeact.sandbox import cgroups
from codeact.sandbox.action import Look, Stop
from codeact.sandbox.base import Limits
from codeact.sandbox.kin import Kin

_LOOK = 0.5  # seconds between two looks at the memory of a session that no control group holds
_SHORTEST = 0.02  # seconds between two looks at its processor time
_ROOM = 32 << 20  # bytes for an agent above what an interpreter has when it starts


@dataclass(frozen=True, slots=True)
class Kills:
    """Processes that were killed for want of memory."""

    own: int = 0  # of the session
    machine: int = 0  # of the whole machine


class Meter:
    def __init__(self, limits: Limits, kin: Kin, group: cgroups.Group, problem: str) -> None:
        """`problem`: why the group does not hold the memory."""
        self.limits = limits
        self._kin = kin
        self._group = group
        self._problem = problem
        self._watched = "memory" not in group.places
        self._ended = 0  # processes, by this watch
        self._seen = self._kills()

    @property
    def layers(self) -> list[list[Any]]:
        """Rows of the isolation report: name, whether it holds, by what."""
        total = f"{self.limits.total_memory:,} bytes for all processes and files"
        if self._watched:
            return [["total memory", False, f"{total}, only watched, every {_LOOK:g} seconds ({self._problem})"]]
        version = self._group.places["memory"].version
        return [["total memory", True, f"{total}, by a control group (version {version})"]]

    def cpu_seconds(self) -> float:
        """Used by the session so far, its branches included."""
        used = self._group.cpu_seconds()
        return self._kin.cpu_seconds() if used is None else used

    def new_kills(self) -> Kills:
        """Since this was last asked."""
        before, self._seen = self._seen, self._kills()
        return Kills(self._seen.own - before.own, self._seen.machine - before.machine)

    def _kills(self) -> Kills:
        if (own := self._group.memory_kills()) is not None:
            return Kills(own, own)
        return Kills(self._ended, self._ended + cgroups.counts(Path("/proc/vmstat")).get("oom_kill", 0))

    def begin(self) -> Look | None:
        """For an action that begins now: stop it when it has used its processor time, and keep the session's memory
        within bounds where no group does. None where there is nothing to watch.
        """
        limit, watched = self.limits.cpu_time, self._watched
        if limit is None and not watched:
            return None
        end = math.inf if limit is None else self.cpu_seconds() + limit

        def look() -> tuple[Stop | None, float]:
            if watched:
                self._ended += self._kin.shrink(self.limits.total_memory)
            left = math.inf if limit is None else end - self.cpu_seconds()
            # No sooner can all processors together have used up what is left.
            pause = max(_SHORTEST, left / (os.cpu_count() or 1))
            pause = min(pause, _LOOK) if watched else pause
            return ("cpu_time" if left <= 0 else None), time.monotonic() + pause

        return look

    def check_room(self) -> None:
        """What the imported libraries take counts against the limit of every process that shares them.

        Raises:
            UsageError: the interpreter alone is larger than a process may be.
        """
        needed = self._kin.data() + _ROOM
        if needed > self.limits.memory:
            raise UsageError(
                f"the limit memory={self.limits.memory:,} is too low: the interpreter and the libraries that it has "
                f"imported need {needed:,} bytes; raise it, or import less (preload=())"
            )

    async def remove(self) -> None:
        """When the processes are gone."""
        await self._group.remove()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """For a session whose totals somebody else holds and reports, a container engine say."""

    limits: Limits
    layers: tuple[()] = ()

    def cpu_seconds(self) -> None:
        return None

    def begin(self) -> Look:
        return lambda: (None, math.inf)

    def new_kills(self) -> Kills:
        return Kills()


class Bounds:
    """What is to hold a session's processes, made before the first of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._group, self._problem = cgroups.Group(), (host := cgroups.host()).problem
        processes = limits.processes + 1  # the session's first process is not the agent's
        try:
            self._group = cgroups.make(host, memory=limits.total_memory, processes=processes)
        except OSError as error:
            self._problem = str(error)

    def doors(self) -> contextlib.AbstractContextManager[Mapping[Path, int]]:
        """See `cgroups.Group.doors`."""
        return self._group.doors()

    def entered_by(self, doors: Collection[Path]) -> bool:
        """Whether a process that has gone through the doors is held by all there is."""
        return all(place.folder in doors for place in self._group.places.values())

    async def around(self, pid: int, *, but: Collection[Path] = ()) -> Meter:
        """Begin to count and to hold what a process uses, and all that it starts. `but`: where it goes by itself."""
        try:
            self._group.take(pid, but=but)
        except OSError as error:
            await self.remove()
            self._problem = str(error)
        return Meter(self._limits, Kin(pid), self._group, self._problem)

    async def remove(self) -> None:
        """Where no process has begun."""
        group, self._group = self._group, cgroups.Group()
        await group.remove()


def pid_of(pidfd: int) -> int:
    """As the host counts; -1 when the process is gone, which whoever talks to it will find out."""
    for line in cgroups.read(Path(f"/proc/self/fdinfo/{pidfd}")).splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    return -1
