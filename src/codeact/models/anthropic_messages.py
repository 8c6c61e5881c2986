"""A conversation and its tools in the form of the Anthropic messages API. Pure functions."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace

from codeact.models.wire_messages import alternating, arguments_object, missing_images
from codeact.types import JSON, Image, Message, NativeCall, NativeResult, Part, Text, ToolSpec

EPHEMERAL = {"type": "ephemeral"}  # a mark up to which the provider caches the prompt


def render_system(messages: Sequence[Message]) -> list[JSON]:
    """The system prompt, which this API takes apart from the talk. Cached with the tools, which come before it."""
    text = "\n\n".join(message.text for message in messages if message.role == "system" and message.text.strip())
    return [{"type": "text", "text": text, "cache_control": EPHEMERAL}] if text else []


def render_messages(messages: Sequence[Message], *, images: bool = True) -> list[JSON]:
    """The talk. Its end is marked, so that the next turn reads all of it from the cache."""
    said = [_as_user(message) for message in messages if message.role != "system"]
    rendered: list[dict[str, JSON]] = [
        {"role": message.role, "content": _blocks(message.parts, images)} for message in alternating(said)
    ]
    if rendered:
        rendered[-1]["content"][-1]["cache_control"] = EPHEMERAL
    return list(rendered)


def render_tools(tools: Sequence[ToolSpec]) -> list[JSON]:
    return [{"name": tool.name, "description": tool.doc, "input_schema": dict(tool.schema)} for tool in tools]


def _as_user(message: Message) -> Message:
    return replace(message, role="user") if message.role == "tool" else message


def _blocks(parts: Sequence[Part], images: bool) -> list[dict[str, JSON]]:
    """Results first, as the API demands; neighbouring texts become one block, because a blank one is refused."""
    blocks = [_result(part, images) for part in parts if isinstance(part, NativeResult)]
    for part in parts:
        match part:
            case Text() if blocks and blocks[-1]["type"] == "text":
                blocks[-1]["text"] += part.text
            case Text():
                blocks.append({"type": "text", "text": part.text})
            case Image():
                blocks.append(_image(part) if images else {"type": "text", "text": missing_images(1)})
            case NativeCall():
                blocks.append(
                    {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_object(part.arguments)}
                )
            case NativeResult():
                pass
    return [block for block in blocks if block["type"] != "text" or block["text"].strip()]


def _result(result: NativeResult, images: bool) -> dict[str, JSON]:
    content: list[JSON] = [{"type": "text", "text": result.text}] if result.text.strip() else []
    if images:
        content += [_image(image) for image in result.images]
    elif result.images:
        content.append({"type": "text", "text": missing_images(len(result.images))})
    return {"type": "tool_result", "tool_use_id": result.id, "content": content}


def _image(image: Image) -> dict[str, JSON]:
    source = {"type": "base64", "media_type": image.mime, "data": b64encode(image.data).decode("ascii")}
    return {"type": "image", "source": source}
