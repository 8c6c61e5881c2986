"""The model of a conversation, which can give its place to another one while the talk goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup, TaskStatus

from codeact.cli.assemble import ModelChoice
from codeact.models import Model


@dataclass(slots=True)
class ModelSeat:
    """Holds one open model. Each lives in a task of its own, so that they need not close in the order of opening."""

    group: TaskGroup
    leave: anyio.Event | None = None  # tells the model that sits here to go

    async def take(self, choice: ModelChoice) -> Model:
        """Open a model in the place of the one before, which stays when this fails.

        Raises:
            CodeActError: as `open_model` does.
        """
        leave = anyio.Event()
        model: Model = await self.group.start(_hold, choice, leave)
        if self.leave is not None:
            self.leave.set()
        self.leave = leave
        return model


@asynccontextmanager
async def model_seat() -> AsyncGenerator[ModelSeat]:
    """A seat; who sits in it at the end of the block goes."""
    async with anyio.create_task_group() as group:
        yield ModelSeat(group)
        group.cancel_scope.cancel()


async def _hold(choice: ModelChoice, leave: anyio.Event, *, task_status: TaskStatus[Model]) -> None:
    async with choice.open() as model:
        task_status.started(model)
        await leave.wait()
