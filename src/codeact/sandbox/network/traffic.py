"""The record of what a session has asked the network for."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from codeact.events import Emit, NetworkRequested
from codeact.types import NetworkRequest

_MOST = 10_000  # records kept; the oldest go first
_MOST_SHOWN = 1_000  # events of one action


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request while it is under way."""

    method: str
    host: str
    port: int
    refused: str = ""
    failed: str = ""
    sent: int = 0
    received: int = 0
    time: float = field(default_factory=time.time)

    @property
    def record(self) -> NetworkRequest:
        return NetworkRequest(
            time=self.time,
            method=self.method,
            host=self.host,
            port=self.port,
            allowed=not self.refused,
            reason=self.refused or self.failed,
            sent=self.sent,
            received=self.received,
        )


class Traffic:
    """Of one session and its branches, which share its network: every request that reached the proxy, in order."""

    def __init__(self) -> None:
        self._exchanges = deque[Exchange](maxlen=_MOST)
        self._listeners = list[Emit]()  # of the actions that run; those of branches run at the same time
        self._shown = 0

    @property
    def requests(self) -> Sequence[NetworkRequest]:
        return [exchange.record for exchange in self._exchanges]

    def add(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        self._shown += 1
        if self._listeners and self._shown <= _MOST_SHOWN:
            self._listeners[-1](NetworkRequested(exchange.record))

    @contextlib.contextmanager
    def shown(self, emit: Emit) -> Generator[None]:
        """Requests are events of the action that runs meanwhile: of several, the one that began last."""
        self._listeners.append(emit)
        self._shown = 0
        try:
            yield
        finally:
            self._listeners.remove(emit)
