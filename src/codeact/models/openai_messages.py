"""A conversation and its tools in the form of the OpenAI chat completions API. Pure functions."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace

from codeact.models.wire_messages import alternating, arguments_object, missing_images
from codeact.types import JSON, Image, Message, NativeCall, NativeResult, Part, Text, ToolSpec


def render_messages(messages: Sequence[Message], *, images: bool = True) -> list[JSON]:
    """The whole talk. Text stays a plain string wherever there is no image: every compatible server takes that."""
    expanded = [simple for message in messages for simple in _results_apart(message, images)]
    return [rendered for message in alternating(expanded) for rendered in _render(message, images)]


def render_tools(tools: Sequence[ToolSpec]) -> list[JSON]:
    return [
        {"type": "function", "function": {"name": tool.name, "description": tool.doc, "parameters": dict(tool.schema)}}
        for tool in tools
    ]


def _results_apart(message: Message, images: bool) -> Iterator[Message]:
    """A tool's message may hold only text here, so the images of results follow in a user's message."""
    results = [part for part in message.parts if isinstance(part, NativeResult)]
    if not results:
        yield message
        return
    others: list[Part] = [part for part in message.parts if not isinstance(part, NativeResult)]
    pictures = [image for result in results for image in result.images]
    if pictures and images:
        others = [Text("The images of the results above:"), *pictures, *others]
        results = [replace(result, images=()) for result in results]
    yield Message("tool", tuple(results))
    if others:
        yield Message("user", tuple(others))


def _render(message: Message, images: bool) -> Iterator[JSON]:
    if message.role == "assistant":
        yield _assistant(message)
    elif message.role == "tool":
        for result in message.parts:
            if isinstance(result, NativeResult):
                content = _content((Text(result.text), *result.images), images=False)
                yield {"role": "tool", "tool_call_id": result.id, "content": content}
    else:
        yield {"role": message.role, "content": _content(message.parts, images)}


def _assistant(message: Message) -> JSON:
    calls = [_call(part) for part in message.parts if isinstance(part, NativeCall)]
    if calls:
        return {"role": "assistant", "content": message.text or None, "tool_calls": calls}
    return {"role": "assistant", "content": message.text}


def _call(call: NativeCall) -> JSON:
    readable = arguments_object(call.arguments)
    unchanged = "unreadable" not in readable and call.arguments  # byte by byte, for the sake of the server's cache
    arguments = call.arguments if unchanged else json.dumps(readable, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _content(parts: Sequence[Part], images: bool) -> JSON:
    """A string, or blocks where there are images to show."""
    blocks: list[dict[str, JSON]] = []
    for part in parts:
        match part:
            case Text():
                _add_text(blocks, part.text, gap="")
            case Image() if images:
                blocks.append({"type": "image_url", "image_url": {"url": _data_uri(part)}})
            case Image():
                _add_text(blocks, missing_images(1), gap="\n\n")
            case _:
                pass  # calls and results have messages of their own
    only_text = all(block["type"] == "text" for block in blocks)
    return "".join(block["text"] for block in blocks) if only_text else blocks


def _add_text(blocks: list[dict[str, JSON]], text: str, *, gap: str) -> None:
    if blocks and blocks[-1]["type"] == "text":
        blocks[-1]["text"] += (gap if blocks[-1]["text"] else "") + text
    elif text:
        blocks.append({"type": "text", "text": text})


def _data_uri(image: Image) -> str:
    return f"data:{image.mime};base64,{b64encode(image.data).decode('ascii')}"
