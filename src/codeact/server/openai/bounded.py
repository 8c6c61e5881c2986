"""A model that may write so much and no more: `max_completion_tokens` is of an answer, and a run has many turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeact.errors import ContextLengthError
from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.types import Completion, Message, ToolSpec


@dataclass(slots=True)
class BoundedModel:
    """For one run. A bound of a run's own ends it with `token_limit`, as a full context does."""

    model: Model
    left: int  # output tokens

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
        """See `Model.complete`.

        Raises:
            ContextLengthError: nothing is left.
            ModelError: the endpoint failed.
        """
        if self.left < 1:
            raise ContextLengthError("the output tokens that were asked for are used up")
        most = self.left if max_tokens is None else min(self.left, max_tokens)
        completion = await self.model.complete(messages, tools=tools, stop=stop, max_tokens=most, seed=seed, emit=emit)
        self.left -= completion.usage.output_tokens
        return completion
