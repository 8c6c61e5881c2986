"""Messages and completions in both directions: ours, and those of Inspect."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence

from inspect_ai.model import ChatCompletionChoice as Choice
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolCall

from codeact.types import Completion, Finish, Image, Message, NativeCall, NativeResult, Text, Usage

_STOP_OF: dict[Finish, StopReason] = {
    "stop": "stop",
    "length": "max_tokens",
    "tool_calls": "tool_calls",
    "filtered": "content_filter",
}
_FINISH_OF: dict[StopReason, Finish] = {
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "filtered",
}


def chat_messages(messages: Sequence[Message]) -> list[ChatMessage]:
    """A history as Inspect has it: there each native result is a message of its own."""
    return [chat for message in messages for chat in _chat(message)]


def _chat(message: Message) -> Iterator[ChatMessage]:
    match message.role:
        case "system":
            yield ChatMessageSystem(content=message.text)
        case "user":
            yield ChatMessageUser(content=_content(message))
        case "assistant":
            calls = [_tool_call(part) for part in message.parts if isinstance(part, NativeCall)]
            yield ChatMessageAssistant(content=message.text, tool_calls=calls or None, source="generate")
        case "tool":
            for part in message.parts:
                if isinstance(part, NativeResult):
                    told: list[Content] = [ContentText(text=part.text), *map(_image, part.images)]
                    yield ChatMessageTool(content=told if part.images else part.text, tool_call_id=part.id)


def _content(message: Message) -> str | list[Content]:
    if not any(isinstance(part, Image) for part in message.parts):
        return message.text
    texts_and_images = [part for part in message.parts if isinstance(part, Text | Image)]
    return [_image(part) if isinstance(part, Image) else ContentText(text=part.text) for part in texts_and_images]


def _image(image: Image) -> Content:
    return ContentImage(image=f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}")


def _tool_call(call: NativeCall) -> ToolCall:
    try:
        arguments = json.loads(call.arguments)
    except ValueError as error:
        return ToolCall(call.id, call.name, {"arguments": call.arguments}, parse_error=str(error))
    if not isinstance(arguments, dict):
        return ToolCall(call.id, call.name, {"arguments": arguments}, parse_error="the arguments are no JSON object")
    return ToolCall(call.id, call.name, arguments)  # pyright: ignore[reportUnknownArgumentType] -- JSON


def model_output(completion: Completion) -> ModelOutput:
    """A completion as Inspect has it, its reasoning included."""
    text: list[Content] = [ContentReasoning(reasoning=completion.reasoning), ContentText(text=completion.text)]
    calls = [_tool_call(call) for call in completion.calls]
    message = ChatMessageAssistant(
        content=text if completion.reasoning else completion.text,
        tool_calls=calls or None,
        source="generate",
        model=completion.model,
    )
    return ModelOutput(
        model=completion.model,
        choices=[Choice(message=message, stop_reason=_STOP_OF[completion.finish])],
        usage=model_usage(completion.usage),
        time=completion.latency,
    )


def model_usage(usage: Usage) -> ModelUsage:
    """Inspect counts what was read from a cache apart from the rest of the input."""
    return ModelUsage(
        input_tokens=usage.input_tokens - usage.cached_tokens,
        input_tokens_cache_read=usage.cached_tokens or None,
        output_tokens=usage.output_tokens,
        total_tokens=usage.tokens,
        total_cost=usage.cost,
    )


def completion_of(output: ModelOutput) -> Completion:
    """What a model of Inspect's gave, as a completion."""
    used = output.usage or ModelUsage()
    cached = used.input_tokens_cache_read or 0
    choice = output.choices[0]
    content = choice.message.content
    parts = content if isinstance(content, list) else []
    calls = choice.message.tool_calls or []
    return Completion(
        text=choice.message.text,
        calls=tuple(NativeCall(call.id, call.function, json.dumps(call.arguments)) for call in calls),
        reasoning="\n".join(part.reasoning for part in parts if isinstance(part, ContentReasoning)),
        finish=_FINISH_OF.get(choice.stop_reason, "stop"),
        usage=Usage(
            input_tokens=used.input_tokens + cached + (used.input_tokens_cache_write or 0),
            cached_tokens=cached,
            output_tokens=used.output_tokens,
            cost=used.total_cost,
        ),
        model=output.model,
        latency=output.time or 0.0,
    )
