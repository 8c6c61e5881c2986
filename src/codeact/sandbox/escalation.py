"""How a worker is stopped: an interrupt, another after half a second, then a kill."""

from __future__ import annotations

import signal
import time
from typing import Protocol

_RUNGS = (  # what is sent, and seconds until the next
    (signal.SIGINT, 0.5),
    (signal.SIGINT, 1.5),
    (signal.SIGKILL, float("inf")),
)


class Process(Protocol):
    """What is stopped: a worker, or a kernel elsewhere."""

    def signal(self, number: signal.Signals) -> None: ...


class Escalation:
    """So an action ends soon after it is stopped, whatever its code does."""

    def __init__(self, process: Process) -> None:
        self.next_at = float("inf")  # the moment of the monotonic clock at which the next step is due
        self._begun = False
        self._process = process
        self._rungs = iter(_RUNGS)

    def start(self) -> None:
        """The first step is due now. To be told again hurries nothing."""
        if not self._begun:
            self._begun, self.next_at = True, time.monotonic()

    def climb(self, now: float) -> None:
        """Do what is due."""
        if now >= self.next_at:
            number, patience = next(self._rungs)
            self._process.signal(number)
            self.next_at = now + patience
