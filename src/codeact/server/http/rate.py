"""How often somebody may ask: a bucket of tokens for each, which fills with time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Rate:
    """`take` gives 0, or the seconds after which to ask again. The least recent of `most` askers is forgotten."""

    rate: float  # per second, in the long run
    burst: int
    most: int = 10_000
    now: Callable[[], float] = time.monotonic
    buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict[str, tuple[float, float]])

    def give_back(self, who: str) -> None:
        """What was taken last was nothing to be counted."""
        if who in self.buckets:
            left, before = self.buckets[who]
            self.buckets[who] = (left + 1, before)

    def take(self, who: str) -> float:
        now = self.now()
        left, before = self.buckets.pop(who, (float(self.burst), now))
        left = min(float(self.burst), left + (now - before) * self.rate)
        wait = 0.0 if left >= 1 else (1 - left) / self.rate
        self.buckets[who] = (left if wait else left - 1, now)
        while len(self.buckets) > self.most:
            self.buckets.popitem(last=False)
        return wait
