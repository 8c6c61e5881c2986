"""So many at once, and of one user so many."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import anyio

from codeact.errors import QuotaError

_SOON = 5.0  # seconds after which somebody else may have left


@dataclass(slots=True)
class Turnstile:
    """Lets so many in at once, and of one user so many."""

    what: str  # in the plural
    most: int
    own: int
    patience: float = 20.0  # seconds that who waits for a turn waits at most
    inside: Counter[str] = field(default_factory=Counter[str])  # by user
    _left: anyio.Event = field(default_factory=anyio.Event)  # the next one

    def check(self, owner: str, *, again: float | None = _SOON) -> None:
        """Whether one more may be inside; `again` is in how many seconds this user's next one may be.

        Raises:
            QuotaError: there are too many already.
        """
        if self.inside[owner] >= self.own:
            raise QuotaError(f"a user may have {self.own} {self.what} at once, and you have them", again)
        if self.inside.total() >= self.most:
            raise QuotaError(f"the service has its {self.most} {self.what} already; try again later", _SOON)

    def enter(self, owner: str, *, again: float | None = _SOON) -> None:
        """One more is inside until `leave`. Raises as `check` does."""
        self.check(owner, again=again)
        self.inside[owner] += 1

    def leave(self, owner: str) -> None:
        self.inside[owner] -= 1
        if not self.inside[owner]:
            del self.inside[owner]
        left, self._left = self._left, anyio.Event()
        left.set()

    @contextmanager
    def through(self, owner: str, *, again: float | None = _SOON) -> Generator[None]:
        """For the body, one more is inside. Raises as `check` does."""
        self.enter(owner, again=again)
        try:
            yield
        finally:
            self.leave(owner)

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncGenerator[None]:
        """`through`, for who waits until there is a place. Raises as `check` does where there is none for long."""
        with anyio.move_on_after(self.patience):
            while self.inside[owner] >= self.own or self.inside.total() >= self.most:
                await self._left.wait()
        with self.through(owner):
            yield

    async def quiet(self) -> None:
        """Until nobody is inside."""
        while self.inside:
            await self._left.wait()
