"""Messages of the Jupyter kernel protocol, in the form `v1.kernel.websocket.jupyter.org`: offsets, the channel's name,
then header, parent header, metadata, content and buffers.

A kernel runs an agent's code and signs whatever that code sends, so reading believes nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from codeact.sandbox.box.frames import Blob

SUBPROTOCOL = "v1.kernel.websocket.jupyter.org"
VERSION = "5.3"  # of the kernel protocol

_MAX_PARTS = 10_000
_MAX_HEADER = 64 * 1024  # bytes
_MAX_CONTENT = 1024 * 1024  # bytes; ours is in the buffers


class MessageError(Exception):
    """What came is not a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    channel: str
    type: str
    id: str = ""
    parent: str = ""  # id of the message that this one answers or belongs to
    content: Mapping[str, Any]
    buffers: Sequence[Blob] = ()


def encode(message: Message, session: str) -> bytes:
    header = {
        "msg_id": message.id or uuid.uuid4().hex,
        "msg_type": message.type,
        "session": session,
        "username": "codeact",
        "version": VERSION,
        "date": "",
    }
    texts = [json.dumps(part).encode("ascii") for part in (header, {}, {}, message.content)]
    parts: list[Blob] = [message.channel.encode("ascii"), *texts, *message.buffers]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = [len(offsets), *offsets]
    return b"".join([*(number.to_bytes(8, "little") for number in numbers), *parts])


def decode(data: bytes) -> Message:
    """Raises `MessageError`."""
    channel, header, parent, _, content, *buffers = _parts(data)
    if len(header) > _MAX_HEADER or len(parent) > _MAX_HEADER or len(channel) > _MAX_HEADER:
        raise MessageError("a header that is too long")
    head, before = _object(header), _object(parent)
    return Message(
        channel=bytes(channel).decode("ascii", "replace"),
        type=_text(head, "msg_type"),
        id=_text(head, "msg_id"),
        parent=_text(before, "msg_id"),
        content=_object(content) if len(content) <= _MAX_CONTENT else {},
        buffers=buffers,
    )


def _parts(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    count = int.from_bytes(view[:8], "little")
    if not 6 <= count <= _MAX_PARTS or len(data) < 8 * (count + 1):
        raise MessageError(f"not a message: {len(data):,} bytes that say they have {count:,} parts")
    offsets = [int.from_bytes(view[8 * place : 8 * place + 8], "little") for place in range(1, count + 1)]
    if offsets[-1] > len(data) or any(start > end for start, end in pairwise(offsets)):
        raise MessageError("not a message: its parts overlap or go beyond its end")
    return [view[start:end] for start, end in pairwise(offsets)]


def _object(data: memoryview) -> dict[str, Any]:
    try:
        found = json.loads(bytes(data))
    except (ValueError, RecursionError, MemoryError) as error:
        raise MessageError(f"a part that is not JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise MessageError("a part that is not an object")
    return cast("dict[str, Any]", found)


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key, "")
    if not isinstance(value, str):
        raise MessageError(f"{key!r} is not text")
    return value
