"""A context held open by a task of its own: what is opened by one request and closed by another."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

T = TypeVar("T")


class Held(Generic[T]):
    """`held = await hold_open(context, tasks)`, then `held.value` until `await held.close()`."""

    def __init__(self) -> None:
        self._entered = anyio.Event()
        self._leave = anyio.Event()
        self._left = anyio.Event()
        self._values = list[T]()
        self._failure: Exception | None = None

    @property
    def value(self) -> T:
        return self._values[0]

    async def close(self) -> None:
        """Leave the context, and wait for that."""
        self._leave.set()
        await self._left.wait()

    async def opened(self) -> None:
        """Raises what entering the context raises."""
        try:
            await self._entered.wait()
        except BaseException:
            self._leave.set()
            raise
        if self._failure is not None:
            raise self._failure

    async def hold(self, context: AbstractAsyncContextManager[T, bool | None]) -> None:
        try:
            async with context as value:
                self._values.append(value)
                self._entered.set()
                await self._leave.wait()
        except Exception as error:  # noqa: BLE001 -- for whoever opens it; a failure to close has nobody to hear it
            self._failure = error
        finally:
            self._entered.set()
            self._left.set()


async def hold_open(context: AbstractAsyncContextManager[T, bool | None], tasks: TaskGroup) -> Held[T]:
    """Open a context in a task of its own. Raises what entering it raises."""
    held = Held[T]()
    tasks.start_soon(held.hold, context)
    await held.opened()
    return held
