"""The way of a stream of events to a client that may be slow, silent or gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import anyio
from starlette.types import Receive, Send

ALIVE: Final = b": alive\n\n"


@dataclass(slots=True)
class Line:
    """The way to one client. Who does not take a piece within `patience` seconds is cut off."""

    send: Send
    patience: float
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    sent: int = 0

    async def put(self, data: bytes, *, more: bool = True) -> None:
        """Raises `TimeoutError`."""
        with anyio.fail_after(self.patience):
            async with self.lock:
                await self.send({"type": "http.response.body", "body": data, "more_body": more})
                self.sent += 1

    async def beat(self, every: float) -> None:
        while True:
            before = self.sent
            await anyio.sleep(every)
            if self.sent == before:
                await self.put(ALIVE)


async def until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel a scope when the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
