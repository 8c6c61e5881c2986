"""All that the endpoints keep between two requests: uploads, containers, what was answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

from codeact.sandbox import sandbox
from codeact.sandbox.network import network_policy
from codeact.server.house import House
from codeact.server.metering import Meter
from codeact.server.nouns import Settings
from codeact.server.openai.completions import Stored
from codeact.server.openai.containers import Container, Containers
from codeact.server.openai.drawer import Drawer
from codeact.server.openai.lent import Lent
from codeact.server.openai.responses import Responses
from codeact.server.openai.uploads import Uploads
from codeact.server.scratch import scratch

Part = TypeVar("Part")


@dataclass(slots=True)
class Office:
    """Made by `router`, and serving as long as the application's lifespan."""

    house: House
    _uploads: Uploads | None = None
    responses: Responses = field(init=False)
    completions: Drawer[Stored] = field(init=False)
    _containers: Containers | None = None
    _tasks: TaskGroup | None = None

    def __post_init__(self) -> None:
        quotas = self.house.settings.quotas
        self.responses = Responses(quotas)
        self.completions = Drawer("chat completion", quotas)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """For the body there are files and containers; at its end they are gone."""
        async with scratch() as folder, anyio.create_task_group() as tasks:
            self._uploads = Uploads(folder, self.house.shared)
            self._containers, self._tasks = Containers(tasks, self.house.shared.ledger), tasks
            tasks.start_soon(self._charge, self._containers)
            yield
            self._uploads = self._containers = self._tasks = None
            tasks.cancel_scope.cancel()

    async def _charge(self, containers: Containers) -> None:
        while True:
            await anyio.sleep(self.house.settings.beat)
            containers.charge()

    @property
    def models(self) -> Sequence[str]:
        """`provider:model` of all that are offered, the default first."""
        return tuple(self.house.settings.models)

    def lent(self, owner: str, through: str, meter: Meter | None = None) -> Lent:
        """`meter`: of the session that is used, where that outlives the request."""
        return Lent(self.house, through, meter or Meter(self.house.shared.ledger, owner))

    def transfer_of(self, owner: str) -> AbstractAsyncContextManager[None]:
        """For the body, one more file of this user is on its way. Raises `QuotaError` where others take too long."""
        return self.house.shared.ledger.transfers.turn(owner)

    @property
    def uploads(self) -> Uploads:
        return _there(self._uploads)

    @property
    def tasks(self) -> TaskGroup:
        return _there(self._tasks)

    @property
    def containers(self) -> Containers:
        return _there(self._containers)

    async def open_container(
        self,
        owner: str,
        *,
        name: str,
        idle: float | None = None,
        memory: str | None = None,
        files: Sequence[str] = (),
        automatic: bool = False,
    ) -> Container:
        """A container with these uploaded files in it.

        Raises:
            NotFoundError: this user has no such file. QuotaError: there are too many containers. UsageError: more
            memory than there is for one. SandboxError: it cannot be opened, or the files do not fit.
        """
        for id in files:
            self.uploads.find(owner, id)
        agent = self.house.agent(Settings(memory=_bytes_of(memory)))
        place = sandbox(agent.sandbox) if isinstance(agent.sandbox, str) else agent.sandbox
        container = await self.containers.open(
            owner,
            place,
            lambda relay: place.open(relay, limits=agent.limits, network=network_policy(agent.network)),
            name=name,
            idle=idle,
            memory=memory,
            automatic=automatic,
        )
        try:
            await self.give(container, files)
        except BaseException:
            container.over.set()
            raise
        return container

    async def give(self, container: Container, files: Sequence[str]) -> None:
        """Put uploaded files of its owner into a container.

        Raises:
            NotFoundError: this user has no such file. TransferError: no room for one.
        """
        for upload in [self.uploads.find(container.owner, id) for id in dict.fromkeys(files)]:
            await container.put(upload.name, self.uploads.place(upload))


def _bytes_of(memory: str | None) -> int | None:
    return int(memory.removesuffix("g")) << 30 if memory else None


def _there(part: Part | None) -> Part:
    if part is None:
        raise RuntimeError("the endpoints serve only within the application's lifespan: include the router in it")
    return part
