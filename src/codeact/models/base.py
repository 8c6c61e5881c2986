"""The model seam: messages in, one completion out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from codeact.events import Emit, ignore
from codeact.types import Completion, Message, ToolSpec


class Model(Protocol):
    """Safe to share between concurrent runs: it keeps no conversation."""

    @property
    def name(self) -> str:
        """`provider:model`, as it is written in records."""
        ...

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
        """One completion. `tools` are offered in the provider's function-calling format; none means plain text.

        Emits `TextDelta` as text arrives and `Retrying` before a new try. A stop string is never part of the text.

        Raises:
            ModelError: the endpoint failed, after the retries that made sense.
        """
        ...


@runtime_checkable
class Tempered(Protocol):
    """A model that can be had at another temperature, with nothing opened once more."""

    def at(self, temperature: float) -> Model: ...
