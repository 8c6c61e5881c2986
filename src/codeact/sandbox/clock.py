"""The time limit of an action."""

from __future__ import annotations

import time


class Clock:
    """Counts the seconds in which an agent's code runs; stands still while a host tool works for it."""

    def __init__(self, limit: float) -> None:
        self._left = limit
        self._since = time.monotonic()
        self._pauses = 0

    @property
    def runs_out_at(self) -> float:
        """The moment of the monotonic clock at which the time is used up; infinite while it stands still."""
        return float("inf") if self._pauses else self._since + self._left

    def pause(self) -> None:
        """May be called several times; the clock goes on after as many calls of `go_on`."""
        if not self._pauses:
            self._left -= time.monotonic() - self._since
        self._pauses += 1

    def go_on(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self._since = time.monotonic()
