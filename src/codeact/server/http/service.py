"""What the routes share, and how they get at it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated

import anyio
from fastapi import Depends
from starlette.requests import HTTPConnection

from codeact.errors import NotFoundError
from codeact.server.enduring import enduring
from codeact.server.house import House
from codeact.server.http.conversations import Conversations
from codeact.server.http.credentials import Credentials
from codeact.server.http.lasting import Lasting
from codeact.server.http.metrics import Requests
from codeact.server.http.rate import Rate
from codeact.server.http.readiness import Readiness
from codeact.server.http.settings import HttpSettings
from codeact.server.nouns import Chat
from codeact.server.sharing import Kept
from codeact.server.turnstile import Turnstile
from codeact.types import JSON


@dataclass(slots=True)
class Service:
    house: House
    settings: HttpSettings
    credentials: Credentials
    lasting: Lasting = field(default_factory=Lasting)
    requests: Requests = field(default_factory=Requests)
    closing: anyio.Event = field(default_factory=anyio.Event)  # set: event streams end, and nothing new is ready
    uploads: Turnstile = field(init=False)  # given to rooms
    refused: Rate = field(default_factory=lambda: Rate(0.1, 20))  # logins that go into the audit log, by address
    readiness: Readiness = field(default_factory=Readiness)
    conversations: Conversations = field(default_factory=Conversations)  # of the paper's protocol
    figures: Kept[frozenset[str]] = field(default_factory=lambda: Kept[frozenset[str]](100_000))  # of shared chats

    def __post_init__(self) -> None:
        self.uploads = Turnstile("files that are given", self.settings.uploads, self.settings.uploads)

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

    async def tend(self) -> None:
        """For a task of its own, as long as the application serves: see to what tokens and cookies were good for."""
        while True:
            await anyio.sleep(self.settings.again)
            await self.lasting.look_again()
            with enduring("forgetting old cookies"):
                await self.credentials.forget_old()

    async def note(self, owner: str, what: str, chat: str | None = None, **detail: JSON) -> None:
        """A line of the audit log."""
        await self.house.shared.note(owner, chat, what, **detail)


def service_in(connection: HTTPConnection) -> Service:
    found = connection.app.state.service
    assert isinstance(found, Service)
    return found


Here = Annotated[Service, Depends(service_in)]
