"""What all rooms of a house share."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
from anyio.abc import TaskGroup

from codeact.agent import Agent, Approve, Budget
from codeact.errors import QuotaError
from codeact.models.base import Model
from codeact.sandbox.asking import Ask
from codeact.sandbox.base import Limits, Sandbox
from codeact.server.enduring import enduring
from codeact.server.ledger import Ledger
from codeact.server.nouns import Deed, Settings
from codeact.server.settings import HouseSettings
from codeact.server.shared_model import OpenedOnce, SharedModel
from codeact.server.store.base import Store
from codeact.server.telling import Telling
from codeact.types import JSON

AGAIN = 10.0  # seconds after which another replica, or this one, may do what this one does not now


def restarting() -> QuotaError:
    return QuotaError("the service is being restarted; try again in a moment", AGAIN)


@dataclass(slots=True, kw_only=True)
class Shared:
    store: Store
    settings: HouseSettings
    replica: str
    tasks: TaskGroup
    sandbox: Sandbox
    ledger: Ledger
    folder: Path  # for files on their way; nobody else may read it, and it is gone with the process
    draining: bool = False
    roomless: set[anyio.CancelScope] = field(default_factory=set[anyio.CancelScope])  # of runs that have no room
    _models: dict[str, OpenedOnce] = field(default_factory=dict[str, OpenedOnce])
    _tellings: WeakValueDictionary[str, Telling] = field(default_factory=WeakValueDictionary[str, Telling])

    def telling(self, chat: str) -> Telling:
        """The log of a chat: the same one for its room and for all who listen."""
        found = self._tellings.get(chat)
        if found is None:
            found = self._tellings[chat] = Telling(chat, self.store, self.tasks)
        return found

    async def hear(self) -> None:
        """Let those who listen here look at once for what other processes tell, as far as the database says so."""

        def look(chat: str) -> None:
            if (telling := self._tellings.get(chat)) is not None:
                telling.look()

        while True:
            with enduring("hearing of what other replicas tell"):
                await self.store.hear(look)
            await anyio.sleep(self.settings.beat)

    @property
    def tellings(self) -> list[Telling]:
        return list(self._tellings.values())

    async def note(self, owner: str, chat: str | None, what: str, **detail: JSON) -> None:
        """A line of the audit log. Raises `StoreError`."""
        await self.store.note(Deed(at=datetime.now(UTC), owner=owner, chat=chat, what=what, detail=detail))

    @contextmanager
    def run_without_room(self, owner: str) -> Generator[None]:
        """For the body, a run of this user goes on that is no chat's: draining waits for it, and ends it at last.

        Raises:
            QuotaError: there are as many as there may be, the hour's processor time is used up, or draining ended it.
        """
        self.admit_run(owner)
        scope = anyio.CancelScope()
        self.roomless.add(scope)
        try:
            with scope:
                yield
        finally:
            self.roomless.discard(scope)
            self.ledger.runs.leave(owner)
        if scope.cancelled_caught:
            raise restarting()

    def admit_run(self, owner: str) -> None:
        """Enter a run into the ledger, until `ledger.runs.leave`. Raises `QuotaError` where there may be no more."""
        self.check_open()
        self.ledger.check_cpu(owner)
        self.ledger.runs.enter(owner)

    async def admit(self, owner: str, *, size: int = 0) -> None:
        """Before something that takes time, or `size` bytes of room. Raises `QuotaError` where none is left."""
        self.check_open()
        self.ledger.check_cpu(owner)
        used = await self.store.used(owner) + self.ledger.beside[owner]
        most = self.settings.quotas.own_disk
        if used + size > most:
            raise QuotaError(
                f"your chats and files take {used:,} bytes of {most:,}"
                f"{f', and {size:,} more are asked for' if size else ''}; delete one"
            )

    async def admit_chat(self, owner: str) -> None:
        """Raises `QuotaError` where a user has as many chats as there may be."""
        self.check_open()
        most = self.settings.quotas.own_chats
        if len(await self.store.chats(owner, most=most)) >= most:
            raise QuotaError(f"you have {most:,} chats, as many as there may be; delete one")

    def check_open(self) -> None:
        """Raises `QuotaError` while the service is being shut down."""
        if self.draining:
            raise restarting()

    def agent(
        self,
        settings: Settings,
        *,
        model: Model | None = None,
        approve: Approve | None = None,
        ask: Ask | None = None,
    ) -> Agent:
        """The agent that a chat with these settings has. `model`: in the place of the one that they name.

        Raises:
            UsageError: something is not offered here, or more than there may be.
        """
        self.settings.check(settings)
        return Agent(
            model or self.model(settings),
            tools=[self.settings.tools[name] for name in settings.tools],
            actions=settings.actions,
            sandbox=self.sandbox,
            budget=self.budget(settings),
            limits=self.limits(settings),
            network=settings.network,
            system=settings.system,
            approve=approve,
            ask=ask,
        )

    def model(self, settings: Settings) -> Model:
        """The one model that is named, or the default, at the temperature that is asked for."""
        name = settings.model or next(iter(self.settings.models))
        if name not in self._models:
            self._models[name] = OpenedOnce(name, self.settings.models[name], self.tasks)
        return SharedModel(self._models[name], self.settings.reply_time, settings.temperature)

    async def close_models(self) -> None:
        """At the end, when nobody asks any more."""
        for opened in self._models.values():
            await opened.close()

    def budget(self, settings: Settings) -> Budget:
        return Budget(
            turns=settings.turns or self.settings.turns,
            tokens=settings.tokens or self.settings.tokens,
            action_time=self.settings.action_time,
        )

    def limits(self, settings: Settings) -> Limits:
        most = self.settings.limits
        return most if settings.memory is None else replace(most, memory=settings.memory)
