"""What the routes share, and how they get at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Annotated

import anyio
from fastapi import Depends
from starlette.requests import HTTPConnection

from codeact.errors import NotFoundError, QuotaError
from codeact.server.house import House
from codeact.server.http.conversations import Conversations
from codeact.server.http.credentials import Credentials
from codeact.server.http.metrics import Requests
from codeact.server.http.rate import Rate
from codeact.server.http.readiness import Readiness
from codeact.server.http.settings import HttpSettings
from codeact.server.nouns import Chat
from codeact.server.sharing import Kept
from codeact.types import JSON


@dataclass(slots=True)
class Service:
    house: House
    settings: HttpSettings
    credentials: Credentials
    requests: Requests = field(default_factory=Requests)
    closing: anyio.Event = field(default_factory=anyio.Event)  # set: event streams end, and nothing new is ready
    uploads: anyio.CapacityLimiter = field(init=False)  # given to rooms
    coming: dict[str, anyio.CapacityLimiter] = field(default_factory=dict[str, anyio.CapacityLimiter])  # by user
    refused: Rate = field(default_factory=lambda: Rate(0.1, 20))  # logins that go into the audit log, by address
    readiness: Readiness = field(default_factory=Readiness)
    draining: bool = False
    conversations: Conversations = field(default_factory=Conversations)  # of the paper's protocol
    figures: Kept[frozenset[str]] = field(default_factory=lambda: Kept[frozenset[str]](100_000))  # of shared chats
    streams: Counter[str] = field(default_factory=Counter[str])  # open ones, by user

    def __post_init__(self) -> None:
        self.uploads = anyio.CapacityLimiter(self.settings.uploads)

    def counted(self) -> dict[str, float]:
        """What the house counts, by name."""
        return {f"house_{name}": float(value) for name, value in asdict(self.house.counts()).items()}

    async def chat(self, id: str, owner: str) -> Chat:
        """Without waking it.

        Raises:
            NotFoundError: there is none, or it is another user's: who asks cannot tell.
        """
        found = await self.house.store.chat(id, owner=owner)
        if found is None:
            raise NotFoundError(f"there is no session {id!r}")
        return found

    async def note(self, owner: str, what: str, chat: str | None = None, **detail: JSON) -> None:
        """A line of the audit log."""
        await self.house.shared.note(owner, chat, what, **detail)

    @asynccontextmanager
    async def upload_of(self, owner: str) -> AsyncGenerator[None]:
        """For the body, one more upload of this user comes. As many as one may have stop nobody else's.

        Raises:
            QuotaError: others of this user take too long.
        """
        limiter = self.coming.setdefault(owner, anyio.CapacityLimiter(self.settings.uploads_each))
        try:
            async with self.turn_of(limiter):
                yield
        finally:
            waiting = limiter.statistics()
            if not waiting.borrowed_tokens and not waiting.tasks_waiting:
                self.coming.pop(owner, None)

    @asynccontextmanager
    async def turn_of(self, limiter: anyio.CapacityLimiter) -> AsyncGenerator[None]:
        """Raises `QuotaError` where it does not come soon."""
        with anyio.move_on_after(self.settings.turn) as waited:
            await limiter.acquire()
        if waited.cancelled_caught:
            raise QuotaError(f"{limiter.total_tokens:g} other uploads are going on", again=5.0)
        try:
            yield
        finally:
            limiter.release()

    def admit_stream(self, owner: str) -> None:
        """Raises `QuotaError` where one more event stream of this user is too many."""
        if self.streams[owner] >= self.settings.streams:
            raise QuotaError(f"{self.settings.streams} event streams are open; close one", again=5.0)

    @contextmanager
    def stream_of(self, owner: str) -> Generator[None]:
        """For the body, one more is open. Raises as `admit_stream` does."""
        self.admit_stream(owner)
        self.streams[owner] += 1
        try:
            yield
        finally:
            self.streams[owner] -= 1
            if not self.streams[owner]:
                del self.streams[owner]


def service_in(connection: HTTPConnection) -> Service:
    found = connection.app.state.service
    assert isinstance(found, Service)
    return found


Here = Annotated[Service, Depends(service_in)]
