"""Models that are opened once, when they are first asked, and shared by all rooms."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio.abc import TaskGroup

from codeact.errors import ConnectionLostError, ModelError, SetupError
from codeact.events import Emit, ignore
from codeact.models.base import Model, Tempered
from codeact.server.holding import Held, hold_open
from codeact.server.settings import OpensModel
from codeact.types import Completion, Message, ToolSpec

log: Final = logging.getLogger("codeact.server.models")


@dataclass(slots=True)
class OpenedOnce:
    """A model, and what opens it when it is first asked for."""

    name: str
    opens: OpensModel
    tasks: TaskGroup
    _held: Held[Model] | None = None
    _opening: anyio.Lock = field(default_factory=anyio.Lock)

    async def model(self) -> Model:
        """Raises `ModelError` where it cannot be opened; the next who asks tries again."""
        async with self._opening:
            if self._held is None:
                try:
                    self._held = await hold_open(self.opens(), self.tasks)
                except SetupError as error:  # weights that are missing, say
                    log.error("%s cannot be opened: %s", self.name, error)  # with paths, which are no user's business
                    raise ModelError(f"{self.name} cannot be opened; the log of the service says why") from error
            return self._held.value

    async def close(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            await held.close()


@dataclass(frozen=True, slots=True)
class SharedModel:
    """A `Model` by another that is opened once, which gives up on a reply that does not come."""

    opened: OpenedOnce
    patience: float  # seconds for one reply
    temperature: float | None = None  # None, and for models that cannot be had at another: the model's own

    @property
    def name(self) -> str:
        return self.opened.name

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        """See `Model.complete`."""
        model = await self.opened.model()
        if self.temperature is not None and isinstance(model, Tempered):
            model = model.at(self.temperature)
        with anyio.move_on_after(self.patience):
            return await model.complete(messages, tools=tools, stop=stop, max_tokens=max_tokens, seed=seed, emit=emit)
        raise ConnectionLostError(f"{self.name} gave no reply within {self.patience:g} s")


@dataclass(frozen=True, slots=True)
class Watched:
    """A `Model` before whose every reply something is waited for: that what came before is kept."""

    model: Model
    before: Callable[[], Awaitable[None]]

    @property
    def name(self) -> str:
        return self.model.name

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        """See `Model.complete`. Raises what `before` raises."""
        await self.before()
        return await self.model.complete(messages, tools=tools, stop=stop, max_tokens=max_tokens, seed=seed, emit=emit)
