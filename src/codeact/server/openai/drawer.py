"""What is kept of users for a while, by id: responses, and chat completions that are to be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from codeact.errors import NotFoundError
from codeact.sandbox.base import MiB
from codeact.server.settings import Quotas

_MOST_KEPT = 64 * MiB  # of all things of one user
_USERS = 8  # who may have as much at once

Thing = TypeVar("Thing")


@dataclass(slots=True)
class Place(Generic[Thing]):
    """Something in a drawer."""

    id: str
    owner: str
    thing: Thing
    until: float  # of the event loop's clock
    size: int | None  # bytes; None while it still grows, and therefore stays


@dataclass(slots=True)
class Drawer(Generic[Thing]):
    """All of a kind that can still be asked for. Another user's id is as unknown as one that there never was."""

    what: str
    quotas: Quotas
    places: dict[str, Place[Thing]] = field(default_factory=dict[str, Place[Thing]])  # oldest first

    def put(self, owner: str, id: str, thing: Thing, *, size: int | None = None) -> None:
        """Keep it from now on; older things go where there are too many."""
        until = anyio.current_time() + self.quotas.keep
        self.places[id] = Place(id, owner, thing, until, size)
        self._make_room(owner)

    def weigh(self, id: str, size: int) -> None:
        """It will grow no more."""
        if (place := self.places.get(id)) is not None:
            place.size = size
            self._make_room(place.owner)

    def of(self, owner: str) -> Sequence[Thing]:
        """Oldest first."""
        now = anyio.current_time()
        return [each.thing for each in self.places.values() if each.owner == owner and each.until > now]

    def find(self, owner: str, id: str) -> Thing:
        """Raises `NotFoundError` where this user has no such thing, or no longer."""
        found = self.places.get(id)
        if found is None or found.owner != owner or found.until <= anyio.current_time():
            raise NotFoundError(f"there is no {self.what} {id[:100]!r}; they are kept for a while only")
        return found.thing

    def drop(self, id: str) -> None:
        """Let go of it."""
        self.places.pop(id, None)

    def _make_room(self, owner: str) -> None:
        now, quotas = anyio.current_time(), self.quotas
        self._thin([each for each in self.places.values() if each.until <= now], most=0, size=0)
        own = [each for each in self.places.values() if each.owner == owner]
        self._thin(own, most=quotas.own_responses, size=_MOST_KEPT)
        self._thin(list(self.places.values()), most=quotas.responses, size=_USERS * _MOST_KEPT)

    def _thin(self, places: Sequence[Place[Thing]], *, most: int, size: int) -> None:
        """Let the oldest go until there are so many, of so many bytes together; never one that still grows."""
        count, bytes_ = len(places), sum(each.size or 0 for each in places)
        for each in places:
            if count <= most and bytes_ <= size:
                return
            if each.size is not None:
                del self.places[each.id]
                count, bytes_ = count - 1, bytes_ - each.size
