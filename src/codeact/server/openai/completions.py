"""Chat completions that are stored, as a client finds them again. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeact.server.openai.chat_wire import ChatMessage, FilePart, ImagePart, RefusalPart, TextPart
from codeact.types import JSON


@dataclass(slots=True)
class Stored:
    """A completion, what was said before it, and what its user notes down with it."""

    whole: dict[str, JSON]  # as it was answered
    messages: Sequence[dict[str, JSON]]
    metadata: dict[str, str]

    @property
    def id(self) -> str:
        return str(self.whole["id"])

    @property
    def card(self) -> dict[str, JSON]:
        return {**self.whole, "metadata": dict(self.metadata)}

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(json.dumps([self.whole, *self.messages]))

    def fits(self, model: str | None, metadata: Mapping[str, str]) -> bool:
        """Whether it is among those that are looked for."""
        return model in (None, self.whole["model"]) and metadata.items() <= self.metadata.items()


def stored(whole: dict[str, JSON], said: Sequence[ChatMessage], metadata: Mapping[str, str] | None) -> Stored:
    messages = [_message(f"{whole['id']}-{number}", each) for number, each in enumerate(said)]
    return Stored(whole=whole, messages=messages, metadata=dict(metadata or {}))


def _message(id: str, said: ChatMessage) -> dict[str, JSON]:
    content = said.content
    if content is None or isinstance(content, str):
        return {"id": id, "role": said.role, "content": content, "content_parts": None, "name": None}
    parts: list[JSON] = [part.model_dump() for part in content if isinstance(part, TextPart | ImagePart)]
    text = "\n".join(filter(None, map(_text, content)))
    return {"id": id, "role": said.role, "content": text, "content_parts": parts, "name": None}


def _text(part: TextPart | ImagePart | FilePart | RefusalPart) -> str:
    match part:
        case TextPart(text=text) | RefusalPart(refusal=text):
            return text
        case _:
            return ""  # a file's content is not kept
