"""What each user has used of what is shared, held against the quotas."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from codeact.errors import QuotaError
from codeact.server.settings import Quotas
from codeact.server.turnstile import Turnstile

_HOUR = 3600.0  # seconds
_SEARCHES = 2  # at once: a database has other things to do


@dataclass(slots=True)
class Ledger:
    """Of this process; it begins empty."""

    quotas: Quotas
    _cpu: dict[str, deque[tuple[float, float]]] = field(default_factory=lambda: defaultdict(deque[tuple[float, float]]))
    beside: Counter[str] = field(default_factory=Counter[str])  # bytes that are not in the store, by owner
    runs: Turnstile = field(init=False)
    streams: Turnstile = field(init=False)  # of events, by whatever protocol
    transfers: Turnstile = field(init=False)  # files on their way, in or out
    containers: Turnstile = field(init=False)
    searches: Turnstile = field(init=False)

    def __post_init__(self) -> None:
        quotas = self.quotas
        self.runs = Turnstile("runs", quotas.runs, quotas.own_runs)
        self.streams = Turnstile("streams of events", quotas.streams, quotas.own_streams)
        self.transfers = Turnstile("large files on their way", quotas.transfers, quotas.own_transfers)
        self.containers = Turnstile("containers", quotas.containers, quotas.own_containers)
        self.searches = Turnstile("searches", _SEARCHES, 1)

    def charge(self, owner: str, seconds: float) -> None:
        """Enter processor time that was just used."""
        if seconds > 0:
            self._cpu[owner].append((time.monotonic(), seconds))

    def cpu(self, owner: str) -> float:
        """Seconds of processor time in the last hour."""
        self._forget(owner)
        return sum(seconds for _, seconds in self._cpu[owner])

    def spent(self, owner: str) -> bool:
        """Whether the hour's processor time is used up."""
        return self.cpu(owner) >= self.quotas.own_cpu

    def check_cpu(self, owner: str) -> None:
        """Raises `QuotaError` where the hour's processor time is used up."""
        if self.spent(owner):
            used = self.cpu(owner)
            again = max(1.0, self._cpu[owner][0][0] + _HOUR - time.monotonic())
            raise QuotaError(
                f"{used:,.0f} s of processor time were used within an hour; {self.quotas.own_cpu:,.0f} s are allowed",
                again,
            )

    def _forget(self, owner: str) -> None:
        rows, since = self._cpu[owner], time.monotonic() - _HOUR
        while rows and rows[0][0] < since:
            rows.popleft()
