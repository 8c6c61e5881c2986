"""A model behind an endpoint. What every vendor's API has in common is here; how each is spoken is a `Wire`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import anyio

from codeact.errors import AuthenticationError
from codeact.events import Emit, Retrying, ignore
from codeact.models.endpoint import Endpoint
from codeact.models.failures import is_filtered, refused_parameter
from codeact.models.metering import estimated_usage, priced
from codeact.models.retries import Failure, with_retries
from codeact.models.streamed import StreamedReply
from codeact.models.wire_messages import encodable
from codeact.types import JSON, Completion, Message, ToolSpec, Usage

LINGER = 1.0  # seconds that a server which was told to stop gets to say what was used


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The arguments of one `complete`."""

    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    stop: Sequence[str]
    max_tokens: int | None
    seed: int | None
    temperature: float | None  # None: the endpoint's


class Wire(Protocol):
    """How one vendor's API is spoken, through the vendor's own SDK."""

    @property
    def optional(self) -> Collection[str]:
        """Parameters that a request can do without, where the endpoint refuses them."""
        ...

    @property
    def stop_parameter(self) -> str:
        """What the API calls the stop strings."""
        ...

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What `stream` raises when the endpoint fails."""
        ...

    def body(self, ask: Ask, refused: Collection[str]) -> dict[str, JSON]:
        """The request, without the parameters that were refused."""
        ...

    async def stream(self, body: dict[str, JSON], reply: StreamedReply) -> Failure | None:
        """Send one request and feed `reply` until it ends."""
        ...

    def failure(self, error: Exception) -> Failure:
        """What one of `errors` means."""
        ...


class HostedModel:
    """Keeps nothing between completions but what its endpoint was found to refuse."""

    def __init__(self, wire: Wire, place: Endpoint, temperature: float | None = None) -> None:
        self._wire = wire
        self._place = place
        self._temperature = place.options.temperature if temperature is None else temperature
        self._refused: set[str] = set()

    @property
    def name(self) -> str:
        return self._place.name

    def at(self, temperature: float) -> HostedModel:
        """The same at another temperature."""
        other = HostedModel(self._wire, self._place, temperature)
        other._refused = self._refused
        return other

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
        """See `Model.complete`. What the endpoint refuses of the optional parameters is left out from then on, and
        `Retrying` says so.

        Raises:
            ModelError: the endpoint failed, after the retries that made sense.
        """
        ask = Ask(
            messages=messages,
            tools=tools,
            stop=stop,
            max_tokens=max_tokens,
            seed=seed,
            temperature=self._temperature,
        )
        return await with_retries(lambda: self._attempt(ask, emit), policy=self._place.options.retries, emit=emit)

    async def _attempt(self, ask: Ask, emit: Emit) -> Completion | Failure:
        reply = StreamedReply(emit, ask.stop)
        body = encodable(self._wire.body(ask, self._refused))
        try:
            failure = await self._wire.stream(body, reply)
        except self._wire.errors as error:
            failure = self._with_cause(self._wire.failure(error), error)
        if reply.is_only_reasoning and self._wire.stop_parameter in body:
            # Some servers look for stop strings in the reasoning too, where they do no harm. From now on only we look.
            return await self._again_without(
                self._wire.stop_parameter, "stops in the middle of its reasoning", ask, emit
            )
        if failure is None or reply.complete:  # what breaks after the end breaks nothing
            return self._completion(ask, reply)
        if is_filtered(failure):
            reply.finish, reply.usage = "filtered", Usage()
            return self._completion(ask, reply)
        refused = refused_parameter(failure, [name for name in self._wire.optional if name in body])
        if refused is None:
            return failure
        return await self._again_without(refused, "refuses it", ask, emit)

    def _with_cause(self, failure: Failure, error: Exception) -> Failure:
        """A traceback shows the cause, so one that quotes the key stays out; of a key that is refused, also parts."""
        key = self._place.api_key
        quotes_key = len(key) >= 8 and key in str(error)  # shorter ones are none, but stand-ins for none
        if quotes_key or isinstance(failure.error, AuthenticationError):
            return failure
        return replace(failure, cause=error)

    async def _again_without(self, parameter: str, why: str, ask: Ask, emit: Emit) -> Completion | Failure:
        """At most once for each parameter, so this ends."""
        self._refused.add(parameter)
        emit(Retrying(f"{parameter!r} is left out, because {self.name} {why}", 0.0))
        return await self._attempt(ask, emit)

    def _completion(self, ask: Ask, reply: StreamedReply) -> Completion:
        estimate = estimated_usage(ask.messages, ask.tools, reply.produced)
        usage = reply.usage or estimate
        if reply.finish is None:  # left at a stop string, so the endpoint's count had not come to its end
            usage = replace(usage, output_tokens=max(usage.output_tokens, estimate.output_tokens))
        prices = self._place.options.prices
        return reply.completion(usage=priced(usage, prices, written=reply.cache_written), model=self.name)


class EventStream(AbstractAsyncContextManager[Any], AsyncIterable[object], Protocol):
    """What both SDKs return: closed by `async with`."""


async def read_stream(
    stream: EventStream, take: Callable[[JSON], None], reply: StreamedReply, *, told_to_stop: bool
) -> None:
    """Feed every event to `take`, until the stream ends or a stop string came.

    A server that was told the stop strings, and returns them with the text, has a moment more to report the usage.
    """
    # Left by `break`, the loop would leave the SDK's generators to the garbage collector; cancelled, they end here.
    with anyio.CancelScope() as reading:
        async with stream:
            async for event in stream:
                take(event)
                if reply.stopped and reading.deadline == math.inf:
                    reading.deadline = anyio.current_time() + (LINGER if told_to_stop else 0.0)
