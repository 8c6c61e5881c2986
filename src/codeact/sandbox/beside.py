"""Tasks that go on beside a block and end with it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import anyio
from anyio.abc import TaskGroup


@contextlib.asynccontextmanager
async def beside() -> AsyncGenerator[TaskGroup]:
    """Tasks that are cancelled at the end of the block. The block's own error is raised under its own name, not in a
    group.
    """
    failures: list[Exception] = []
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except Exception as error:  # noqa: BLE001 (raised below: the task group would wrap it)
            failures.append(error)
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
