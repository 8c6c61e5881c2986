"""What each user has used of what is shared, held against the quotas."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

import anyio

from codeact.errors import QuotaError
from codeact.server.settings import Quotas

_HOUR = 3600.0  # seconds
_SOON = 5.0  # seconds after which another try makes sense


@dataclass(slots=True)
class Ledger:
    """Of this process; it begins empty."""

    quotas: Quotas
    _cpu: dict[str, deque[tuple[float, float]]] = field(default_factory=lambda: defaultdict(deque[tuple[float, float]]))

    running: Counter[str] = field(default_factory=Counter[str])  # runs going on, by owner
    beside: Counter[str] = field(default_factory=Counter[str])  # bytes that are not in the store, by owner
    _ended: anyio.Event = field(default_factory=anyio.Event)  # the next run

    def begin(self, owner: str) -> None:
        """Enter a run. Raises `QuotaError` where there are as many as there may be."""
        for going_on, most, whose in (
            (self.running[owner], self.quotas.own_runs, "of yours"),
            (self.running.total(), self.quotas.runs, "of all users"),
        ):
            if going_on >= most:
                raise QuotaError(f"{going_on} runs {whose} are going on, as many as there may be; wait for one", _SOON)
        self.running[owner] += 1

    def end(self, owner: str) -> None:
        self.running[owner] -= 1
        if not self.running[owner]:
            del self.running[owner]
        ended, self._ended = self._ended, anyio.Event()
        ended.set()

    async def quiet(self) -> None:
        """Until no run goes on."""
        while self.running:
            await self._ended.wait()

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
