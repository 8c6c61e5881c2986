"""The time limit of an action."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator

import anyio


class Clock:
    """Counts the seconds in which an agent's code runs; stands still while a host tool works for it."""

    def __init__(self, limit: float) -> None:
        self._left = limit
        self._since = time.monotonic()
        self._pauses = 0
        self._changed = anyio.Event()

    async def run_out(self) -> None:
        """Return when the time is used up."""
        while self._pauses or self._remaining() > 0:
            with anyio.move_on_after(None if self._pauses else self._remaining()):
                await self._changed.wait()

    @contextlib.contextmanager
    def paused(self) -> Generator[None]:
        self._left, self._since = self._remaining(), time.monotonic()
        self._pauses += 1
        self._announce()
        try:
            yield
        finally:
            self._pauses -= 1
            self._since = time.monotonic()
            self._announce()

    def _remaining(self) -> float:
        return self._left if self._pauses else self._left - (time.monotonic() - self._since)

    def _announce(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
