"""`/v1/containers`: sessions of the house's sandbox that last over several requests of their owner.

A session belongs to the task that opened it, so each container has a task of its own, which also ends it when it has
been idle for long.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import anyio
from anyio.abc import TaskGroup, TaskStatus

from codeact.agent.execute import Relay
from codeact.errors import ConflictError, NotFoundError
from codeact.sandbox.base import FileInfo, Limits, NetworkPolicy, Offer, Sandbox, Session
from codeact.server.ledger import Ledger
from codeact.server.metering import Meter
from codeact.server.names import writable
from codeact.server.settings import Quotas
from codeact.server.workspace import files_of, remove_from
from codeact.tools import ToolSet
from codeact.types import JSON, ToolBox

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LentPlace:
    """A sandbox whose only session is open already: what an agent opens is the container's."""

    place: Sandbox
    session: Session
    relay: Relay

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def offer(self) -> Offer:
        return self.place.offer

    @asynccontextmanager
    async def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AsyncGenerator[Session]:
        """The session, whatever is asked for: it has its limits and its network."""
        with self.relay.through(tools or ToolSet()):
            yield self.session


@dataclass(slots=True, kw_only=True)
class Container:
    id: str
    owner: str
    name: str
    idle: float  # seconds without use, until it is gone
    memory: str | None  # as it was asked for
    created: float  # seconds since the epoch, for people
    place: LentPlace
    meter: Meter
    active: float  # seconds since the epoch
    deadline: float  # of the event loop's clock
    using: anyio.CancelScope | None = None  # of who has its interpreter
    automatic: bool = False  # made for a response; gives way to another such
    over: anyio.Event = field(default_factory=anyio.Event)
    gone: anyio.Event = field(default_factory=anyio.Event)
    given: set[str] = field(default_factory=set[str])  # paths of files that the user put there

    @property
    def session(self) -> Session:
        return self.place.session

    @property
    def busy(self) -> bool:
        return self.using is not None

    @property
    def card(self) -> dict[str, JSON]:
        return {
            "id": self.id,
            "object": "container",
            "name": self.name,
            "status": "running",
            "created_at": int(self.created),
            "last_active_at": int(self.active),
            "expires_after": {"anchor": "last_active_at", "minutes": round(self.idle / 60)},
            "memory_limit": self.memory,
            "network_policy": {"type": "disabled"},
        }

    def touch(self) -> None:
        """It is in use; its time begins anew."""
        self.active, self.deadline = time.time(), anyio.current_time() + self.idle

    def charge(self) -> None:
        """Enter the processor time that it has used so far, also by what was left running in it. Where its user has
        none left it ends, with all that runs in it.
        """
        self.meter.charge(self.session)
        if self.meter.ledger.spent(self.owner):
            self.over.set()
            if self.using is not None:
                self.using.cancel()

    @contextmanager
    def used(self) -> Generator[None]:
        """For the body, its interpreter is taken.

        Raises:
            ConflictError: it is taken already. NotFoundError: it has just ended. QuotaError: it was ended, because the
            processor time of its user is used up.
        """
        if self.over.is_set():
            raise NotFoundError(f"there is no container {self.id!r} any more")
        if self.busy:
            raise ConflictError(f"the container {self.id} is running something; wait for that, or cancel it")
        self.using = anyio.CancelScope()
        try:
            with self.using as using:
                yield
        finally:
            self.using = None
            self.touch()
        if using.cancelled_caught:
            self.meter.ledger.check_cpu(self.owner)

    async def until_over(self) -> None:
        """Until it is closed, or has not been used for its time."""
        while not self.over.is_set() and (self.busy or anyio.current_time() < self.deadline):
            wait = self.idle if self.busy else self.deadline - anyio.current_time()
            with anyio.move_on_after(wait):
                await self.over.wait()
        self.over.set()

    # --- files ---

    async def files(self) -> Sequence[FileInfo]:
        """Oldest first."""
        return sorted(await files_of(self.session), key=lambda file: (file.modified, file.path))

    async def file(self, id: str) -> FileInfo:
        """Raises `NotFoundError` where there is no such file here."""
        for file in await self.files():
            if self.file_id(file.path) == id:
                return file
        raise NotFoundError(f"the container {self.id} has no file {id[:100]!r}")

    async def put(self, name: str, data: bytes | Path) -> FileInfo:
        """Raises `TransferError` where there is no room."""
        await self.session.put(name, data)
        self.given.add(name)
        self.touch()
        return await self.file(self.file_id(name))

    async def remove(self, file: FileInfo) -> None:
        """Raises `ConflictError` while code runs, `TransferError` where the code of an agent keeps it there."""
        with self.used():
            await remove_from(self.session, file.path)

    def file_id(self, path: str) -> str:
        """The same for as long as the file is at its place: nothing has to be remembered."""
        place = f"{self.id}/{path}".encode(errors="surrogatepass")  # a name may be any bytes
        return f"cfile_{hashlib.sha256(place).hexdigest()[:32]}"

    def file_card(self, file: FileInfo) -> dict[str, JSON]:
        return {
            "id": self.file_id(file.path),
            "object": "container.file",
            "container_id": self.id,
            "bytes": file.size,
            "created_at": int(file.modified),
            "path": writable(f"{self.session.info.workspace}/{file.path}"),
            "source": "user" if file.path in self.given else "assistant",
        }


Opens = Callable[[Relay], AbstractAsyncContextManager[Session]]


@dataclass(slots=True)
class Containers:
    """All that are alive. Another user's id is as unknown as one that there never was."""

    tasks: TaskGroup
    ledger: Ledger
    alive: dict[str, Container] = field(default_factory=dict[str, Container])

    @property
    def quotas(self) -> Quotas:
        return self.ledger.quotas

    async def open(
        self,
        owner: str,
        place: Sandbox,
        opens: Opens,
        *,
        name: str,
        idle: float | None = None,  # seconds; None takes what is allowed, which is also the most
        memory: str | None = None,
        automatic: bool = False,
    ) -> Container:
        """Raises `QuotaError` where there are too many, and what opening a session raises."""
        self.ledger.check_cpu(owner)
        if automatic:
            await self._make_room(owner)
        idle = min(idle or self.quotas.container_idle, self.quotas.container_idle)
        relay = Relay(ToolSet())

        def make(session: Session) -> Container:
            now = time.time()
            return Container(
                id=f"cntr_{uuid4().hex}",
                owner=owner,
                name=name,
                idle=idle,
                automatic=automatic,
                memory=memory,
                created=now,
                place=LentPlace(place, session, relay),
                meter=Meter(self.ledger, owner, session),
                active=now,
                deadline=anyio.current_time() + idle,
            )

        return await self.tasks.start(self._keep, owner, opens(relay), make)

    async def _keep(
        self,
        owner: str,
        opening: AbstractAsyncContextManager[Session],
        make: Callable[[Session], Container],
        *,
        task_status: TaskStatus[Container],
    ) -> None:
        container: Container | None = None
        try:
            with self.ledger.containers.through(owner, again=None):
                async with opening as session:
                    container = make(session)
                    self.alive[container.id] = container
                    task_status.started(container)
                    await container.until_over()
                    container.charge()
        except Exception as error:
            if container is None:
                raise  # to whoever wanted it
            _log.error("the container %s ended badly: %s", container.id, error)
        finally:
            if container is not None:
                container.over.set()
                del self.alive[container.id]
                container.gone.set()

    async def _make_room(self, owner: str) -> None:
        """Let the one that was used longest ago give way, of those that nobody has asked for by name."""
        own = self.of(owner)
        if len(own) < self.quotas.own_containers and len(self.alive) < self.quotas.containers:
            return
        unused = [each for each in own if each.automatic and not each.busy]
        if unused:
            oldest = min(unused, key=lambda each: each.deadline - each.idle)
            oldest.over.set()
            await oldest.gone.wait()

    def charge(self) -> None:
        """See `Container.charge`; from time to time, of all."""
        for container in self.alive.values():
            container.charge()

    def of(self, owner: str) -> Sequence[Container]:
        """Oldest first."""
        return [each for each in self.alive.values() if each.owner == owner and not each.over.is_set()]

    def find(self, owner: str, id: str) -> Container:
        """Raises `NotFoundError` where this user has no such container, or no longer."""
        found = self.alive.get(id)
        if found is None or found.owner != owner or found.over.is_set():
            raise NotFoundError(f"there is no container {id[:100]!r}; idle ones are gone after a while")
        return found
