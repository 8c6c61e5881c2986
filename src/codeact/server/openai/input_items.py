"""What a request for a response said, as the protocol lists it afterwards. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from uuid import uuid4

from codeact.types import JSON

Item = dict[str, JSON]


def input_items(given: str | Sequence[Item]) -> list[Item]:
    """Each item with an id that no other has, each message's content as parts. What a file holds is left out."""
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    seen, items = set[str](), list[Item]()
    for each in given:
        item = _message(each) if each.get("type", "message") == "message" else dict(each)
        id = item.get("id")
        if not isinstance(id, str) or not id or id in seen:
            id = f"{'msg' if item['type'] == 'message' else 'item'}_{uuid4().hex}"
        seen.add(id)
        items.append({**item, "id": id})
    return items


def _message(said: Item) -> Item:
    content = said.get("content")
    parts = cast("list[JSON]", [_text(content, said.get("role"))] if isinstance(content, str) else content or [])
    shown = [_without_data(cast("Item", part)) for part in parts if isinstance(part, dict)]
    return {**said, "type": "message", "content": shown, "status": "completed"}


def _text(text: str, role: JSON) -> Item:
    if role == "assistant":
        return {"type": "output_text", "text": text, "annotations": []}
    return {"type": "input_text", "text": text}


def _without_data(part: Item) -> Item:
    return {name: value for name, value in part.items() if name != "file_data"}
