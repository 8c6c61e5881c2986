"""Whether the database can be used, found out for many who ask at little cost to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio

from codeact.errors import CodeActError
from codeact.server.store.base import Store

PATIENCE: Final = 5.0  # seconds for the database to say something


@dataclass(slots=True)
class Readiness:
    """Anybody may ask, and each check is a write: so there is one at a time, and what it found counts for a while."""

    lasts: float = 1.0  # seconds
    now: Callable[[], float] = time.monotonic
    _found: tuple[bool, float] | None = None
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def holds(self, store: Store) -> bool:
        async with self._lock:
            if self._found is None or self.now() - self._found[1] >= self.lasts:
                self._found = (await _answers(store), self.now())
            return self._found[0]


async def _answers(store: Store) -> bool:
    try:
        with anyio.fail_after(PATIENCE):
            await store.ready()
    except (TimeoutError, CodeActError):
        return False
    return True
