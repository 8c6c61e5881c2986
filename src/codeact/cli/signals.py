"""What the commands that serve have in common: an end by signals, and one sandbox for all their sessions."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
from anyio.abc import TaskStatus

from codeact.sandbox.base import Sandbox


@asynccontextmanager
async def ended_by_signals() -> AsyncGenerator[list[signal.Signals]]:
    """SIGTERM and Ctrl-C cancel the body, which is then left quietly. Which came."""
    ended = list[signal.Signals]()

    async def watch(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for each in signals:
                ended.append(each)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        await group.start(watch)
        yield ended
        group.cancel_scope.cancel()


@asynccontextmanager
async def shared(place: Sandbox) -> AsyncGenerator[None]:
    """One server for all sessions, where the sandbox can have one."""
    if isinstance(place, AbstractAsyncContextManager):
        async with place:
            yield
    else:
        yield
