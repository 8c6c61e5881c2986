"""Ctrl-C: the first one stops what runs, the next one ends the program, and neither leaves anything behind."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskStatus


@dataclass(slots=True)
class Interrupts:
    """The scopes that Ctrl-C may cancel, innermost last; the first one is the whole program."""

    scopes: list[anyio.CancelScope] = field(default_factory=list[anyio.CancelScope])

    @property
    def ended_program(self) -> bool:
        return self.scopes[0].cancel_called

    @contextmanager
    def stop_here(self) -> Generator[anyio.CancelScope]:
        """Ctrl-C ends the body, quietly; the scope's `cancelled_caught` tells."""
        with anyio.CancelScope() as scope:
            self.scopes.append(scope)
            try:
                yield scope
            finally:
                self.scopes.remove(scope)

    def interrupt(self) -> None:
        """What Ctrl-C does: end the innermost scope that is not ending already."""
        for scope in reversed(self.scopes):
            if not scope.cancel_called:
                scope.cancel()
                return

    async def watch(self, *, task_status: TaskStatus[None]) -> None:
        """Turn each SIGINT into an `interrupt()`, for as long as this runs."""
        with anyio.open_signal_receiver(signal.SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                self.interrupt()


@asynccontextmanager
async def interruptible() -> AsyncGenerator[Interrupts]:
    """Take over Ctrl-C for the body. When it ends the whole program, the body is cancelled and left quietly."""
    async with anyio.create_task_group() as group:
        interrupts = Interrupts()
        await group.start(interrupts.watch)
        with interrupts.stop_here():
            yield interrupts
        group.cancel_scope.cancel()
