"""What a completion used, what it cost, and an estimate where the endpoint does not say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codeact.types import Image, Message, NativeCall, NativeResult, Text, ToolSpec, Usage

CHARACTERS_PER_TOKEN = 4  # of English prose and code with today's tokenizers, within a third
IMAGE_TOKENS = 1000  # of a figure of about 1 megapixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """USD per million tokens. No table is built in, because prices change faster than releases."""

    input: float
    output: float
    cached: float | None = None  # input read from the provider's cache; None: as `input`
    cache_write: float | None = None  # input that is written to the cache, where that costs extra; None: as `input`

    def cost(self, usage: Usage, *, written: int = 0) -> float:
        """USD. `written` of the tokens that were not cached went into the cache."""
        fresh = max(usage.input_tokens - usage.cached_tokens - written, 0)
        cached = self.input if self.cached is None else self.cached
        write = self.input if self.cache_write is None else self.cache_write
        tokens_times_price = (
            fresh * self.input + usage.cached_tokens * cached + written * write + usage.output_tokens * self.output
        )
        return tokens_times_price / 1_000_000


def priced(usage: Usage, prices: Prices | None, *, written: int = 0) -> Usage:
    return usage if prices is None else replace(usage, cost=prices.cost(usage, written=written))


def estimated_usage(messages: Sequence[Message], tools: Sequence[ToolSpec], output: str) -> Usage:
    """For endpoints that report none: budgets still work, and a report is roughly right instead of zero."""
    prompt = sum(_message_tokens(message) for message in messages)
    offered = sum(estimated_tokens(f"{tool.name}{tool.doc}{dict(tool.schema)}") for tool in tools)
    return Usage(input_tokens=prompt + offered, output_tokens=estimated_tokens(output))


def estimated_tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _message_tokens(message: Message) -> int:
    tokens = 4  # the chat template's own
    for part in message.parts:
        match part:
            case Text():
                tokens += estimated_tokens(part.text)
            case Image():
                tokens += IMAGE_TOKENS
            case NativeCall():
                tokens += estimated_tokens(part.name + part.arguments)
            case NativeResult():
                tokens += estimated_tokens(part.text) + IMAGE_TOKENS * len(part.images)
    return tokens
