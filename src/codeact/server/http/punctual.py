"""Connections that say nothing, or for ever: closed before anybody is asked who they are."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class Punctual(H11Protocol):
    """A connection whose next request does not get as far as the end of its headers within `patience` is closed. The
    server itself waits for ever, so a thousand silent connections would keep everybody else out.

    Of its two parsers this is the one that bounds headers, too (`h11_max_incomplete_event_size`).
    """

    patience: ClassVar[float] = 15.0  # seconds

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering():
            self._relax()
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        """Or a websocket's, which has a protocol of its own. Idle after an answer, it is the server's to close."""
        cycle: Any = self.cycle
        return self.transport.get_protocol() is not self or (cycle is not None and not cycle.response_complete)

    def _expect(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.patience, self.transport.close)

    def _relax(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
