"""Opening two things at the same time, where each takes a while."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, TypeVar

import anyio

A = TypeVar("A")
B = TypeVar("B")


class _Holder(Generic[A]):
    """Enters a context and leaves it, both in one task, since what it opens may belong to its task."""

    def __init__(self, context: AbstractAsyncContextManager[A]) -> None:
        self._context = context
        self._entered = anyio.Event()
        self._values = list[A]()

    async def hold(self, leave: anyio.Event) -> None:
        async with self._context as value:
            self._values.append(value)
            self._entered.set()
            await leave.wait()

    async def value(self) -> A:
        await self._entered.wait()
        return self._values[0]


@asynccontextmanager
async def both(
    one: AbstractAsyncContextManager[A], other: AbstractAsyncContextManager[B]
) -> AsyncGenerator[tuple[A, B]]:
    """Two contexts that are entered at the same time. Whichever fails, in them or in the block, ends the rest, and is
    raised under its own name; of several the first.
    """
    holders = _Holder(one), _Holder(other)
    leave, failures = anyio.Event(), list[Exception]()
    async with anyio.create_task_group() as tasks:

        async def guarded(holder: _Holder[A] | _Holder[B]) -> None:
            try:
                await holder.hold(leave)
            except Exception as error:  # noqa: BLE001 (raised below: the task group would wrap it)
                failures.append(error)
                tasks.cancel_scope.cancel()

        for holder in holders:
            tasks.start_soon(guarded, holder)
        try:
            yield await holders[0].value(), await holders[1].value()
        except Exception as error:  # noqa: BLE001 (the same)
            failures.append(error)
        leave.set()
    if failures:
        raise failures[0]
