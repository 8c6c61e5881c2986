"""What a link shows: the runs that led to the shared one, and nothing of what was said later or undone.

Whoever has a link is a stranger and may ask as often as strangers may. So what was worked out for a link is kept for
the next who asks: runs that have ended do not change any more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from codeact.server.nouns import Run, Share, Told
from codeact.server.store.base import Store
from codeact.server.tree import path_to

T = TypeVar("T", bytes, frozenset[str])


@dataclass(slots=True)
class Kept(Generic[T]):
    """By link, as much as fits; what was asked for longest ago goes first."""

    most: int  # bytes, or members, of all together
    found: OrderedDict[str, T] = field(default_factory=OrderedDict[str, T])
    size: int = 0

    def get(self, share: Share) -> T | None:
        if share.token in self.found:
            self.found.move_to_end(share.token)
        return self.found.get(share.token)

    def keep(self, share: Share, value: T, *, whole: bool) -> T:
        """The value; it is kept where it is of all that there will be, to the ends of the runs."""
        if whole and share.token not in self.found:
            self.found[share.token] = value
            self.size += len(value)
        while self.size > self.most:
            self.size -= len(self.found.popitem(last=False)[1])
        return value


async def path_of(store: Store, share: Share) -> list[Run]:
    """The runs that a link shows, without their trajectories. Raises `NotFoundError` where they are gone."""
    return path_to(await store.runs(share.chat, trajectories=False), share.head)


async def told_on(store: Store, chat: str, path: Collection[Run]) -> AsyncGenerator[list[Told]]:
    """The events of these runs, a piece of the log at a time."""
    ids, number = {run.id for run in path}, 0
    while rows := await store.told(chat, after=number):
        number = rows[-1].number
        yield [told for told in rows if told.run in ids]
