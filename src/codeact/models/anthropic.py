"""Models behind the Anthropic messages API. The official SDK does the wire; needs the extra `anthropic`.

The API knows no seed. Prompts are cached: the system prompt with the tools, and the talk up to its end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from json import JSONDecodeError
from typing import Any

from anthropic import APIConnectionError, APIError, APIStatusError, AsyncAnthropic, AsyncStream

from codeact.models.anthropic_messages import render_messages, render_system, render_tools
from codeact.models.anthropic_stream import AnthropicEvents
from codeact.models.base import Model
from codeact.models.endpoint import Endpoint, Vendor, endpoint, http_client, read_options
from codeact.models.failures import GARBLED, LOST, answered, broken, cut, html, lost, reported
from codeact.models.hosted import Ask, HostedModel, read_stream
from codeact.models.retries import Failure
from codeact.models.streamed import StreamedReply
from codeact.models.untrusted import fields
from codeact.types import JSON, NativeResult

ANTHROPIC = Vendor(provider="anthropic", base_url="https://api.anthropic.com", key_variable="ANTHROPIC_API_KEY")
MAX_TOKENS = 16_384  # the API asks for a limit; where the model thinks, that counts too


@asynccontextmanager
async def open_anthropic(name: str, **options: Any) -> AsyncGenerator[Model]:
    """Open a model of Anthropic's, or of an endpoint that speaks its API.

    Options are the fields of `EndpointOptions`. Models that do not think by themselves are told to with
    `extra_body={"thinking": …}`.

    Raises:
        UsageError: an option is wrong.
        SetupError: the key is missing.
    """
    place = endpoint(ANTHROPIC, name, read_options(ANTHROPIC, options))
    connections = http_client(place)
    client = AsyncAnthropic(
        api_key=place.api_key,
        base_url=place.url,
        timeout=connections.timeout,
        max_retries=0,
        default_headers=place.options.headers,
        http_client=connections,
    )
    async with client:
        yield HostedModel(AnthropicWire(client, place), place)


class AnthropicWire:
    optional = ("temperature",)  # newer models do not take it
    stop_parameter = "stop_sequences"
    errors = (*LOST, *GARBLED, APIError)

    def __init__(self, client: AsyncAnthropic, place: Endpoint) -> None:
        self._client = client
        self._place = place

    def body(self, ask: Ask, refused: Collection[str]) -> dict[str, JSON]:
        options = self._place.options
        optional: dict[str, JSON] = {
            "system": render_system(ask.messages) or None,
            "tools": render_tools(ask.tools) or None,
            self.stop_parameter: [stop for stop in ask.stop if stop.strip()] or None,  # the API refuses blank ones
            "temperature": ask.temperature,
        }
        body: dict[str, JSON] = {
            "model": self._place.model,
            "max_tokens": ask.max_tokens or options.max_tokens or MAX_TOKENS,
            "messages": render_messages(ask.messages, images=options.images),
            "stream": True,
            **{name: value for name, value in optional.items() if value is not None and name not in refused},
            **options.extra_body,
        }
        if fields(body.get("thinking")).get("type") == "enabled" and _is_amid_calls(ask):
            # This mode wants the signed thinking of the turn back, which is not kept (the adaptive mode does not).
            del body["thinking"]
        return body

    async def stream(self, body: dict[str, JSON], reply: StreamedReply) -> Failure | None:
        # the SDK's general `post`: its typed method warns of old models and lacks what compatible servers take
        stream = await self._client.post(
            "/v1/messages", body=body, cast_to=object, stream=True, stream_cls=AsyncStream[object]
        )
        content_type = stream.response.headers.get("content-type", "")
        if "event-stream" not in content_type:
            await stream.close()
            return html(self._place) if "html" in content_type else broken(self._place, f"{content_type}, not a stream")
        events = AnthropicEvents(reply)
        await read_stream(stream, events.absorb, reply, told_to_stop=self.stop_parameter in body)
        return None if reply.complete else cut(self._place)

    def failure(self, error: Exception) -> Failure:
        match error:
            case APIStatusError() if error.status_code >= 300:
                return answered(self._place, error.status_code, error.response.headers, error.body)
            case APIConnectionError():
                return lost(self._place, error)
            case APIError():  # also the errors that come in the middle of a stream, after status 200
                return reported(self._place, error.body or error.message)
            case JSONDecodeError() | UnicodeDecodeError() | RecursionError():
                return broken(self._place, f"broken JSON ({error})")
            case _:
                return lost(self._place, error)


def _is_amid_calls(ask: Ask) -> bool:
    last = ask.messages[-1].parts if ask.messages else ()
    return any(isinstance(part, NativeResult) for part in last)
