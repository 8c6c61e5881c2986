"""A trajectory as a chat `messages` list, in the form that OpenAI-style endpoints and most trainers read, and back."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from codeact.errors import TrajectoryError
from codeact.trajectory.history import messages_of
from codeact.types import JSON, Image, Message, NativeCall, NativeResult, Part, Role, Text, Trajectory

COPIED = "is_copied_context"  # the name ATIF has for it: talk that belongs to an earlier trajectory of the conversation
DATA_URI = re.compile(r"data:(.*?);base64,(.*)", re.DOTALL)
ROLES = ("system", "user", "assistant", "tool")


def to_messages(trajectory: Trajectory) -> list[dict[str, JSON]]:
    """The history exactly as the model saw it, its last turn included.

    In a trajectory that goes on from another one, what that one already holds is marked with `is_copied_context`, so
    that nothing is trained on twice.
    """
    copied = copied_context(trajectory)
    listed: list[dict[str, JSON]] = []
    for index, message in enumerate(messages_of(trajectory)):
        mark = {COPIED: True} if index < copied else {}
        listed += [{**entry, **mark} for entry in chat_entries(message)]
    return listed


def chat_entries(message: Message) -> list[dict[str, JSON]]:
    """One message as chat entries: one, except that each native result is an entry of its own."""
    results = [part for part in message.parts if isinstance(part, NativeResult)]
    entries: list[dict[str, JSON]] = [
        {"role": "tool", "tool_call_id": result.id, "content": _content((Text(result.text), *result.images))}
        for result in results
    ]
    said = [part for part in message.parts if isinstance(part, (Text, Image))]
    calls = [part for part in message.parts if isinstance(part, NativeCall)]
    if said or calls or not results:
        entry: dict[str, JSON] = {"role": message.role, "content": _content(said) if said else None}
        if calls:
            entry["tool_calls"] = [_call(call) for call in calls]
        entries.append(entry)
    return entries


def from_messages(entries: Iterable[Mapping[str, JSON]]) -> list[Message]:
    """Messages from chat entries. Neighbouring tool entries are the results of one turn, and become one message.

    Raises:
        TrajectoryError: an entry that is no chat message; names its place.
    """
    messages: list[Message] = []
    for index, entry in enumerate(entries):
        try:
            message = _message(entry)
        except (KeyError, TypeError, ValueError) as error:
            raise TrajectoryError(f"messages[{index}] is not a chat message: {error!r}") from error
        last = messages[-1] if messages else None
        if last is not None and last.role == message.role == "tool":
            messages[-1] = Message("tool", (*last.parts, *message.parts))
        else:
            messages.append(message)
    return messages


def copied_context(trajectory: Trajectory) -> int:
    """How many messages of the prompt an earlier trajectory already holds: those before the user's last one."""
    if trajectory.parent is None:
        return 0
    users = [index for index, message in enumerate(trajectory.prompt) if message.role == "user"]
    return users[-1] if users else 0


def _content(parts: Sequence[Text | Image]) -> JSON:
    """Plain text where that is all there is, else a list of parts."""
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_part(part) for part in parts]


def _part(part: Text | Image) -> dict[str, JSON]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    url = f"data:{part.mime};base64,{base64.b64encode(part.data).decode('ascii')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _call(call: NativeCall) -> dict[str, JSON]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _message(entry: Mapping[str, JSON]) -> Message:
    role = entry["role"]
    if role not in ROLES:
        raise ValueError(f"its role is {role!r}, not one of {', '.join(ROLES)}")
    said = _parts(entry.get("content"))
    if role == "tool":
        text = "".join(part.text for part in said if isinstance(part, Text))
        images = tuple(part for part in said if isinstance(part, Image))
        return Message("tool", (NativeResult(entry["tool_call_id"], text, images),))
    calls = tuple(
        NativeCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in entry.get("tool_calls") or ()
    )
    parts: tuple[Part, ...] = (*said, *calls)
    return Message(cast("Role", role), parts)


def _parts(content: JSON) -> list[Text | Image]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)]
    return [_read_part(part) for part in content]


def _read_part(part: Mapping[str, Any]) -> Text | Image:
    if part["type"] == "text":
        return Text(part["text"])
    match = DATA_URI.fullmatch(part["image_url"]["url"])
    if match is None:
        raise ValueError("an image that is not a data: URI")
    return Image(base64.b64decode(match[2]), match[1])
