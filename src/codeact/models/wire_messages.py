"""What both wires need when they write a conversation down for an endpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from codeact.types import JSON, Message, Part, Text

SURROGATE = re.compile("[\ud800-\udfff]")


def alternating(messages: Sequence[Message]) -> list[Message]:
    """Neighbours of the same role as one message, and none that is empty: APIs and chat templates insist on both."""
    merged: list[Message] = []
    for message in messages:
        if all(isinstance(part, Text) and not part.text.strip() for part in message.parts):
            continue
        if merged and merged[-1].role == message.role:
            merged[-1] = replace(message, parts=_joined(merged[-1].parts, message.parts))
        else:
            merged.append(message)
    return merged


def arguments_object(arguments: str) -> dict[str, JSON]:
    """The arguments of a native call as an object, also where the model wrote broken JSON.

    Many servers parse what comes back to them and would refuse the whole conversation.
    """
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    return cast("dict[str, JSON]", value) if isinstance(value, dict) else {"unreadable": arguments}


def encodable(body: dict[str, JSON]) -> dict[str, JSON]:
    """The same, with a mark for each lone surrogate: UTF-8 has none, yet what programs print does."""
    written = json.dumps(body, ensure_ascii=False)
    return json.loads(SURROGATE.sub("\N{REPLACEMENT CHARACTER}", written)) if SURROGATE.search(written) else body


def missing_images(count: int) -> str:
    """What a model reads instead of images it cannot see."""
    return f"[{count} image{'s' if count > 1 else ''} not shown: this model reads text only]"


def _joined(before: tuple[Part, ...], after: tuple[Part, ...]) -> tuple[Part, ...]:
    gap = (Text("\n\n"),) if isinstance(before[-1], Text) and isinstance(after[0], Text) else ()
    return (*before, *gap, *after)
