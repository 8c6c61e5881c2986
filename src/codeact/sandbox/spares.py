"""Sessions that are ready before anybody asks, so that nobody waits for one.

A spare is a whole session: forked, confined, metered and checked like any other. It only does not know yet for whom it
is; the tools are told when it is taken. To make one takes the processor for as long as to open one, and would slow down
the first actions of the session that was just taken. So it is done when those pause, which they do while a model
thinks; and one at a time, whatever is asked for.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from codeact.errors import SandboxError, SetupError
from codeact.sandbox.base import Limits, NetworkPolicy
from codeact.sandbox.beside import beside
from codeact.sandbox.launch import Launched
from codeact.sandbox.network.plan import Plan
from codeact.sandbox.session import BoxSession

_KINDS = 4  # of which spares are kept: those asked for last
_PAUSE = 0.03  # seconds without an action after which whoever took a session is taken to be thinking
_PATIENCE = 1.0  # seconds to wait for such a pause

# Opens a session of a server that has no tools yet.
Make = Callable[[Launched, Limits, Plan], AbstractAsyncContextManager[BoxSession]]


@dataclass(frozen=True, slots=True)
class _Held:
    """An open session, and what closes it."""

    session: BoxSession
    server: Launched
    closing: AsyncExitStack

    async def close(self) -> None:
        """Not cancelled half-way: sessions are closed behind a shield."""
        await self.closing.aclose()


@dataclass(slots=True)
class _Shelf:
    """The spares of one kind."""

    ready: deque[_Held] = field(default_factory=deque[_Held])
    ordered: bool = False  # somebody sees to it that there will be enough
    coming: anyio.Event | None = None  # while one is being made: its end
    promised: bool = False  # to somebody who waits for that


class Spares:
    """Keeps `count` sessions ready of each kind that has been asked for: the same limits, the same network."""

    def __init__(self, count: int, make: Make, tasks: TaskGroup) -> None:
        self._count = count
        self._make = make
        self._tasks: TaskGroup | None = tasks
        self._shelves = dict[tuple[Limits, NetworkPolicy], _Shelf]()  # asked for last comes last
        self._making = anyio.Lock()

    @property
    def ready(self) -> int:
        """How many could be taken now."""
        return sum(held.session.alive for shelf in self._shelves.values() for held in shelf.ready)

    @contextlib.asynccontextmanager
    async def session(self, server: Launched, limits: Limits, plan: Plan) -> AsyncGenerator[BoxSession]:
        """One of the spares, or where there is none a fresh one; another spare will be made. Raises as `make` does."""
        kind = (limits, plan.policy)
        held = await self._take(kind, server) or await self._fresh(server, limits, plan)
        try:
            self._order(held, limits, plan)
            yield held.session
        finally:
            await held.close()

    async def close(self) -> None:
        """End the spares, and make no more."""
        self._tasks = None
        while self._shelves:
            await self._clear_oldest()

    async def _take(self, kind: tuple[Limits, NetworkPolicy], server: Launched) -> _Held | None:
        """A spare of this server that is alive, if there is one or will be before a fresh one could be."""
        shelf = self._shelves.get(kind) or _Shelf()
        if not shelf.ready and shelf.coming is not None and not shelf.promised:
            shelf.promised = True
            await shelf.coming.wait()
        while shelf.ready:
            held = shelf.ready.popleft()
            if held.server is server and held.session.alive:
                return held
            await held.close()
        return None

    async def _fresh(self, server: Launched, limits: Limits, plan: Plan) -> _Held:
        closing = AsyncExitStack()
        return _Held(await closing.enter_async_context(self._make(server, limits, plan)), server, closing)

    def _order(self, taken: _Held, limits: Limits, plan: Plan) -> None:
        """Have another made in place of one that was taken, unless that is being done."""
        kind = (limits, plan.policy)
        shelf = self._shelves[kind] = self._shelves.pop(kind, None) or _Shelf()
        if self._tasks is not None and not shelf.ordered and len(shelf.ready) < self._count:
            shelf.ordered = True
            self._tasks.start_soon(self._fill, shelf, taken, limits, plan)

    async def _fill(self, shelf: _Shelf, taken: _Held, limits: Limits, plan: Plan) -> None:
        try:
            await _pause(taken.session)
            async with self._making:
                while len(self._shelves) > _KINDS:
                    await self._clear_oldest()
                # Whoever asks when this has failed gets a fresh one, and hears why there is none.
                with contextlib.suppress(SandboxError, SetupError, OSError):
                    while self._shelves.get((limits, plan.policy)) is shelf and len(shelf.ready) < self._count:
                        await self._add(shelf, taken.server, limits, plan)
        finally:
            shelf.ordered = False

    async def _add(self, shelf: _Shelf, server: Launched, limits: Limits, plan: Plan) -> None:
        shelf.coming = ended = anyio.Event()
        try:
            shelf.ready.append(await self._fresh(server, limits, plan))
        finally:
            shelf.coming, shelf.promised = None, False
            ended.set()

    async def _clear_oldest(self) -> None:
        shelf = self._shelves.pop(next(iter(self._shelves)))
        while shelf.ready:
            await shelf.ready.popleft().close()


async def _pause(session: BoxSession) -> None:
    """Until nothing begins or ends in a session for a moment. One long action is as good as none: it is not slowed down
    by much.
    """
    with anyio.move_on_after(_PATIENCE):
        while not session.ended.is_set() and (left := session.used_at + _PAUSE - time.monotonic()) > 0:
            with anyio.move_on_after(left):
                await session.ended.wait()


@contextlib.asynccontextmanager
async def keeping(count: int, make: Make) -> AsyncGenerator[Spares]:
    """Spares for as long as the context lasts, made by a task of its own. Leave it in the task that has entered it."""
    async with beside() as tasks:
        spares = Spares(count, make, tasks)
        try:
            yield spares
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await spares.close()
