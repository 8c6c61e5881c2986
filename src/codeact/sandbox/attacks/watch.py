"""Watches what a session takes of the machine while an attack runs: processes and memory, counted from the host."""

from __future__ import annotations

import os

import anyio

from codeact.sandbox.attacks import procfs
from codeact.sandbox.base import Limits

_EVERY = 0.1  # seconds
_SPARE = 16  # processes of the session's own, and of programs that start others
_OVER = 1.25  # of the limit: what the interpreter itself has, and pages not yet given back


class Watch:
    """Counts only what has come since it was made. Sees nothing of a sandbox that is not below this process."""

    def __init__(self, limits: Limits, *, memory: bool) -> None:
        """`memory`: look at that too, which takes its time."""
        self._limits = limits
        self._memory = memory
        self._before = procfs.below(os.getpid())
        self._most_processes = 0
        self._most_memory = 0
        self._base = procfs.private_and_shared(self._before) if memory else 0

    async def look(self) -> None:
        """Until cancelled."""
        while True:
            self._count()
            await anyio.sleep(_EVERY)

    def _count(self) -> None:
        now = procfs.below(os.getpid())
        self._most_processes = max(self._most_processes, len(now - self._before))
        if self._memory:
            self._most_memory = max(self._most_memory, procfs.private_and_shared(now) - self._base)

    @property
    def harm(self) -> str:
        if self._most_processes > self._limits.processes + _SPARE:
            return f"{self._most_processes} processes at once, {self._limits.processes} are allowed"
        if self._most_memory > self._limits.total_memory * _OVER:
            allowed = self._limits.total_memory
            return f"{self._most_memory >> 20:,} MiB of memory at once, {allowed >> 20:,} MiB are allowed"
        return ""
