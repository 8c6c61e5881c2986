"""The desks of all clients of this process: made at a client's first call, ended when idle or when the client leaves.

Each is held by a task of its own from start to end, because a session is closed by the task that has opened it.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup, TaskStatus

from codeact.errors import CodeActError, QuotaError, SandboxError
from codeact.sandbox.base import Sandbox
from codeact.server.mcp.desk import Desk
from codeact.server.mcp.settings import McpSettings

_MOST_ENDED = 1000  # clients of which is remembered that their desk has ended


@dataclass(slots=True)
class Held:
    """A desk and its use."""

    desk: Desk
    over: anyio.Event = field(default_factory=anyio.Event)
    gone: anyio.Event = field(default_factory=anyio.Event)
    calls: int = 1  # going on; the first is the one that it was made for
    used: float = field(default_factory=time.monotonic)

    def left(self, idle: float | None) -> float:
        """Seconds until it may end."""
        if idle is None:
            return math.inf
        return idle if self.calls else self.used + idle - time.monotonic()


class Desks:
    def __init__(self, sandbox: Sandbox, settings: McpSettings, group: TaskGroup) -> None:
        self.settings = settings
        self._sandbox = sandbox
        self._group = group
        self._held = dict[str, Held]()
        self._ended = dict[str, str]()  # client to why its desk is no more, oldest first
        self._opening = anyio.Lock()  # the count of desks holds until one more is there

    @property
    def count(self) -> int:
        return len(self._held)

    @asynccontextmanager
    async def of(self, client: str) -> AsyncGenerator[tuple[Desk, str]]:
        """The desk of a client for one call, and what the client must know of it: that an earlier one has ended.

        Raises:
            QuotaError: too many clients have one.
            CodeActError: its session could not be opened.
        """
        held = self._taken(client) or await self._open(client)
        note = self._ended.pop(client, "")
        try:
            yield held.desk, note
        except SandboxError as error:
            if not await _lives(held.desk):  # it was ended from outside; the next call gets another
                await self.end(client, f"the interpreter had ended: {error}")
            raise
        finally:
            held.calls, held.used = held.calls - 1, time.monotonic()

    async def end(self, client: str, reason: str = "") -> None:
        """End the desk of a client, if it has one. `reason`: said at its next call, if there is one."""
        if (held := self._held.get(client)) is not None:
            self._remember(client, reason)
            held.over.set()
            await held.gone.wait()

    def end_all(self, reason: str) -> None:
        """Begin to end every desk, also those with a call going on. `reason`: as of `end`."""
        for client, held in self._held.items():
            self._remember(client, reason)
            held.over.set()

    def _taken(self, client: str) -> Held | None:
        """The desk of a client, with one more call going on."""
        if (held := self._held.get(client)) is not None:
            held.calls += 1
        return held

    async def _open(self, client: str) -> Held:
        async with self._opening:
            if (held := self._taken(client)) is not None:
                return held
            if len(self._held) >= self.settings.desks:
                raise QuotaError(f"{len(self._held)} clients have an interpreter, which is the most; try again later")
            return await self._group.start(self._hold, client)

    async def _hold(self, client: str, *, task_status: TaskStatus[Held]) -> None:
        held: Held | None = None
        settings = self.settings
        try:
            async with self._sandbox.open(limits=settings.limits, network=settings.network) as session:
                for path in settings.files:
                    await session.put(path.name, path)
                held = self._held[client] = Held(Desk(session))
                try:
                    task_status.started(held)
                    await self._used(client, held)
                finally:
                    del self._held[client]
        except CodeActError:
            if held is None:
                raise
            # What goes wrong at the end of a session is nobody's any more; its processes end with this one's.
        finally:
            if held is not None:
                held.gone.set()

    async def _used(self, client: str, held: Held) -> None:
        """Until the client has left, or has not called for long."""
        while (left := held.left(self.settings.idle)) > 0:
            with anyio.move_on_after(left):
                await held.over.wait()
                return
        self._remember(client, f"the interpreter had ended: it was not used for {self.settings.idle or 0:,.0f} seconds")

    def _remember(self, client: str, reason: str) -> None:
        if reason:
            self._ended[client] = reason
            while len(self._ended) > _MOST_ENDED:
                del self._ended[next(iter(self._ended))]


async def _lives(desk: Desk) -> bool:
    try:
        await desk.session().files()
    except SandboxError:
        return False
    return True


@asynccontextmanager
async def open_desks(sandbox: Sandbox, settings: McpSettings) -> AsyncGenerator[Desks]:
    """A place for desks; all end with the block. A sandbox that can be shared is entered by the caller."""
    async with anyio.create_task_group() as group:
        yield Desks(sandbox, settings, group)
        group.cancel_scope.cancel()
