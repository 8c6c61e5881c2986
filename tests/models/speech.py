"""What the two vendors' servers send, as bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .loopback import Reply

USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 12}}
ANTHROPIC_USAGE = {
    "input_tokens": 3,
    "cache_read_input_tokens": 12,
    "cache_creation_input_tokens": 5,
    "output_tokens": 1,
}


def chat_chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**head, "choices": choices, **fields}, ensure_ascii=False).encode() + b"\n\n"


def chat_stream(
    *deltas: str | dict[str, Any], finish: str | None = "stop", usage: dict[str, Any] | None = USAGE
) -> list[bytes]:
    """A chat completion as OpenAI streams it."""
    pieces = [chat_chunk(delta if isinstance(delta, dict) else {"content": delta}) for delta in deltas]
    if finish:
        pieces.append(chat_chunk({}, finish))
    if usage:
        pieces.append(chat_chunk(usage=usage))
    return [*pieces, b"data: [DONE]\n\n"]


def chat_reply(*deltas: str | dict[str, Any], **fields: Any) -> Reply:
    return Reply(body=chat_stream(*deltas, **fields))


def anthropic_event(type: str, **fields: Any) -> bytes:
    data = json.dumps({"type": type, **fields}, ensure_ascii=False).encode()
    return b"event: " + type.encode() + b"\ndata: " + data + b"\n\n"


def anthropic_block(index: int, block: dict[str, Any], deltas: Sequence[dict[str, Any]]) -> list[bytes]:
    return [
        anthropic_event("content_block_start", index=index, content_block=block),
        *(anthropic_event("content_block_delta", index=index, delta=delta) for delta in deltas),
        anthropic_event("content_block_stop", index=index),
    ]


def anthropic_start() -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m"}
    return anthropic_event("message_start", message={**message, "usage": ANTHROPIC_USAGE})


def anthropic_end(stop_reason: str = "end_turn") -> list[bytes]:
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    return [anthropic_event("message_delta", delta=delta, usage={"output_tokens": 5}), anthropic_event("message_stop")]


def anthropic_text(*pieces: str, index: int = 0) -> list[bytes]:
    block = {"type": "text", "text": ""}
    return anthropic_block(index, block, [{"type": "text_delta", "text": piece} for piece in pieces])


def anthropic_reply(*pieces: str, stop_reason: str = "end_turn") -> Reply:
    """A message as Anthropic streams it."""
    ping = anthropic_event("ping")
    return Reply(body=[anthropic_start(), ping, *anthropic_text(*pieces), *anthropic_end(stop_reason)])
