"""Models behind the OpenAI chat completions API: OpenAI's own, and every server that speaks it (vLLM, SGLang, Ollama,
llama.cpp, OpenRouter, …). The official SDK does the wire; what differs between servers is tolerated here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, AsyncStream

from codeact.models.base import Model
from codeact.models.endpoint import Endpoint, Vendor, endpoint, http_client, read_options
from codeact.models.failures import GARBLED, LOST, answered, broken, cut, html, lost, reported
from codeact.models.hosted import Ask, HostedModel, read_stream
from codeact.models.openai_messages import render_messages, render_tools
from codeact.models.openai_stream import absorb
from codeact.models.retries import Failure
from codeact.models.streamed import StreamedReply
from codeact.models.untrusted import fields
from codeact.types import JSON

OPENAI = Vendor(provider="openai", base_url="https://api.openai.com/v1", key_variable="OPENAI_API_KEY")
MAX_STOPS = 4  # the API's limit; the others are still watched for on our side
LIMIT_NAMES = ("max_tokens", "max_completion_tokens")  # the name that every server knows, and the one that OpenAI wants


@asynccontextmanager
async def open_openai(name: str, **options: Any) -> AsyncGenerator[Model]:
    """Open a model of an OpenAI-compatible endpoint.

    Options are the fields of `EndpointOptions`. The temperature is 0 where none is given and the endpoint takes it.
    From the environment comes only what the SDK reads beside key and URL: organization, project, custom headers.

    Raises:
        UsageError: an option is wrong.
        SetupError: the key is missing.
    """
    async with open_endpoint(endpoint(OPENAI, name, read_options(OPENAI, {"temperature": 0.0, **options}))) as model:
        yield model


@asynccontextmanager
async def open_endpoint(place: Endpoint) -> AsyncGenerator[HostedModel]:
    """Speak to whatever serves OpenAI's protocol at this place."""
    connections = http_client(place)
    client = AsyncOpenAI(
        api_key=place.api_key,
        base_url=place.url,
        timeout=connections.timeout,
        max_retries=0,
        default_headers=place.options.headers,
        http_client=connections,
    )
    async with client:
        yield HostedModel(OpenAIWire(client, place), place)


class OpenAIWire:
    optional = ("temperature", "stop", "seed", "stream_options", *LIMIT_NAMES)
    stop_parameter = "stop"
    errors = (*LOST, *GARBLED, APIError)

    def __init__(self, client: AsyncOpenAI, place: Endpoint) -> None:
        self._client = client
        self._place = place

    def body(self, ask: Ask, refused: Collection[str]) -> dict[str, JSON]:
        options = self._place.options
        optional: dict[str, JSON] = {
            "temperature": ask.temperature,
            "stop": [text for text in ask.stop if text][:MAX_STOPS] or None,
            "seed": ask.seed,
            self._limit_name(refused): ask.max_tokens or options.max_tokens,
            "stream_options": {"include_usage": True},
            "tools": render_tools(ask.tools) or None,
        }
        return {
            "model": self._place.model,
            "messages": render_messages(ask.messages, images=options.images),
            "stream": True,
            **{name: value for name, value in optional.items() if value is not None and name not in refused},
            **options.extra_body,
        }

    async def stream(self, body: dict[str, JSON], reply: StreamedReply) -> Failure | None:
        # the SDK's general `post`: its typed method knows only OpenAI's own fields, in requests and in answers
        stream = await self._client.post(
            "/chat/completions", body=body, cast_to=object, stream=True, stream_cls=AsyncStream[object]
        )
        content_type = stream.response.headers.get("content-type", "")
        if "html" in content_type:
            await stream.close()
            return html(self._place)
        if "json" in content_type:  # a server that does not stream
            async with stream:
                answer = json.loads(await stream.response.aread())
            if fields(answer).get("error"):
                return reported(self._place, answer)
            absorb(answer, reply)
        else:
            await read_stream(stream, partial(absorb, reply=reply), reply, told_to_stop=self.stop_parameter in body)
        if reply.complete:
            return None
        return broken(self._place, f"finish reason {reply.trouble!r}") if reply.trouble else cut(self._place)

    def failure(self, error: Exception) -> Failure:
        match error:
            case APIStatusError():
                return answered(self._place, error.status_code, error.response.headers, error.body)
            case APIConnectionError():
                return lost(self._place, error)
            case APIError():
                return reported(self._place, error.body or error.message)
            case json.JSONDecodeError() | UnicodeDecodeError() | RecursionError():
                return broken(self._place, f"broken JSON ({error})")
            case _:
                return lost(self._place, error)

    def _limit_name(self, refused: Collection[str]) -> str:
        usual, other = LIMIT_NAMES[::-1] if self._place.is_vendors_own else LIMIT_NAMES
        return other if usual in refused else usual
