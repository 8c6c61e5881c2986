"""Models that are opened once, when they are first asked, and shared by all rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from codeact.errors import ConnectionLostError, ModelError, SetupError
from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.server.holding import Held, hold_open
from codeact.server.settings import OpensModel
from codeact.types import Completion, Message, ToolSpec


@dataclass(slots=True, kw_only=True)
class SharedModel:
    """A `Model` that opens another when it is first asked, and gives up on a reply that does not come."""

    name: str
    opens: OpensModel
    tasks: TaskGroup
    patience: float  # seconds for one reply
    _held: Held[Model] | None = None
    _opening: anyio.Lock = field(default_factory=anyio.Lock)

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
        model = await self._opened()
        with anyio.move_on_after(self.patience):
            return await model.complete(messages, tools=tools, stop=stop, max_tokens=max_tokens, seed=seed, emit=emit)
        raise ConnectionLostError(f"{self.name} gave no reply within {self.patience:g} s")

    async def _opened(self) -> Model:
        async with self._opening:
            if self._held is None:
                try:
                    self._held = await hold_open(self.opens(), self.tasks)
                except SetupError as error:  # weights are missing, say: the next who asks finds them, perhaps
                    raise ModelError(f"{self.name} cannot be opened: {error}") from error
            return self._held.value


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
