"""Progress notifications of a running action: what it prints, as it prints it, and that it still runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from mcp.server.context import ServerRequestContext

from codeact.actions.observation import readable
from codeact.errors import CodeActError
from codeact.events import Emit, Event, OutputChunk, ignore

_PACE = 0.1  # seconds in which output is collected for one notification
_BEAT = 5.0  # seconds of silence after which a client is told that the code runs; many give up on a call without
_MOST = 4000  # characters of one notification; of a faster output its end is shown

T = TypeVar("T")


class Live:
    """Collects what an action prints, and tells it at the client's pace."""

    def __init__(self) -> None:
        self._text = ""
        self._fresh = anyio.Event()

    def hear(self, event: Event) -> None:
        if isinstance(event, OutputChunk):
            self._text = (self._text + event.text)[-_MOST:]
            self._fresh.set()

    async def tell(self, report: Callable[[float, float, str], Awaitable[None]], limit: float) -> None:
        """Until cancelled. Progress is in seconds, of the seconds that the action has."""
        started = time.monotonic()
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client has left
            while True:
                with anyio.move_on_after(_BEAT):
                    await self._fresh.wait()
                await anyio.sleep(_PACE)  # what is printed at once is told at once
                text, self._text, self._fresh = self._text, "", anyio.Event()
                seconds = time.monotonic() - started
                await report(seconds, limit, readable(text) or f"running for {seconds:.0f} s")


async def watched(ctx: ServerRequestContext[Any, Any], limit: float, work: Callable[[Emit], Awaitable[T]]) -> T:
    """`work`, with its events told to a client that has asked for progress.

    Raises:
        CodeActError: as `work` does.
    """
    if "progress_token" not in (ctx.meta or {}):
        return await work(ignore)
    live, failure, done = Live(), None, list[T]()
    async with anyio.create_task_group() as group:
        group.start_soon(live.tell, ctx.session.report_progress, limit)
        try:
            done.append(await work(live.hear))
        except CodeActError as error:  # raised again below: the group would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return done[0]
