"""Conversations that a client names itself: which chat each of its names stands for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import anyio

from codeact.server.house import House
from codeact.server.nouns import Chat

KNOWN: Final = 10_000  # conversations whose chats are remembered; others are found by their titles


@dataclass(slots=True)
class Conversations:
    """Which chat a conversation's name stands for: one that is titled so, made with the first code for it."""

    chats: OrderedDict[tuple[str, str], str] = field(default_factory=OrderedDict[tuple[str, str], str])
    lock: anyio.Lock = field(default_factory=anyio.Lock)  # two first requests of a conversation must not make two

    async def find(self, house: House, owner: str, convid: str) -> tuple[Chat, bool]:
        """The chat, and whether it is new."""
        title = f"execute: {convid}"
        async with self.lock:
            known = self.chats.get((owner, convid))
            chat = await house.store.chat(known, owner=owner) if known else None
            chat = chat or await house.store.titled(owner, title)
            found, new = (chat, False) if chat else (await house.new_chat(owner, title=title), True)
            self.chats[owner, convid] = found.id
            while len(self.chats) > KNOWN:
                self.chats.popitem(last=False)
        return found, new
