"""People who talk with a service, whatever happens to it; what happens to it; and what must be true afterwards."""

from __future__ import annotations

import resource
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from random import Random

import anyio
import anyio.to_thread
import psutil
from benchmarks.served import Served, connect_to_any

from codeact.errors import CodeActError, NotFoundError
from codeact.server.client import RemoteChat
from codeact.server.nouns import Told
from codeact.server.store import open_store
from codeact.server.store.base import Store

from .store.postgres_server import PostgresServer

PATIENCE = 90.0  # seconds; for slow machines, never waited for otherwise
SLOWLY = "run: import time\nfor n in range(5):\n    print(n, flush=True)\n    time.sleep(0.03)"


@dataclass(slots=True)
class Talk:
    """A chat, what was acknowledged in it, and what its listener has seen."""

    id: str
    sent: dict[str, str] = field(default_factory=dict[str, str])  # text by run
    answered: int = 0
    seen: list[Told] = field(default_factory=list[Told])
    line: anyio.CancelScope = field(default_factory=anyio.CancelScope)  # of the connection that listens
    more: anyio.Event = field(default_factory=anyio.Event)  # one more was answered


@dataclass(slots=True)
class Chaos:
    services: Sequence[Served]  # replicas on one database; people come to any of them
    random: Random
    postgres: PostgresServer | None = None  # None: SQLite
    talks: list[Talk] = field(default_factory=list[Talk])
    refused: Counter[str] = field(default_factory=Counter[str])
    left: list[psutil.Process] = field(default_factory=list[psutil.Process])
    over: bool = False

    # --- people ---

    @asynccontextmanager
    async def people(self, chats: int) -> AsyncIterator[None]:
        """For the body, they talk and listen; at its end they finish what they have begun."""
        async with anyio.create_task_group() as listening:
            async with anyio.create_task_group() as talking:
                for _ in range(chats):
                    async with connect_to_any(self.services) as client:
                        talk = Talk((await client.create()).id)
                    self.talks.append(talk)
                    talking.start_soon(self._talk, talk)
                    listening.start_soon(self._listen, talk)
                yield
                self.over = True
            listening.cancel_scope.cancel()

    async def _talk(self, talk: Talk) -> None:
        while not self.over:
            text = f"{len(talk.sent)} {SLOWLY}"
            run = await self._try(talk, lambda chat, text=text: chat.send(text))
            if run is not None:
                talk.sent[run.id] = text
                await self._finish(talk, run.id)

    async def _finish(self, talk: Talk, run: str) -> None:
        while True:
            found = await self._try(talk, lambda chat: chat.run(run))
            if found is not None and found.status != "running":
                break
            await anyio.sleep(0.05)
        if found.status == "answered":
            talk.answered += 1
            talk.more.set()
            talk.more = anyio.Event()

    async def _try(self, talk: Talk, act: Callable[[RemoteChat], Awaitable]) -> object | None:
        """None where the service refused it, or was not there."""
        try:
            async with connect_to_any(self.services) as client:
                return await act(client.chat(talk.id))
        except NotFoundError:
            raise  # nothing that was ever acknowledged is lost
        except CodeActError as error:
            self.refused[f"{type(error).__name__}: {error}"] += 1
            await anyio.sleep(0.1)
            return None

    async def _listen(self, talk: Talk) -> None:
        """Goes on, after each break, where it was."""
        while True:
            with anyio.CancelScope() as talk.line, suppress(CodeActError):
                after = talk.seen[-1].number if talk.seen else 0
                async with (
                    connect_to_any(self.services) as client,
                    client.chat(talk.id).events(after=after) as events,
                ):
                    async for told in events:
                        talk.seen.append(told)
            await anyio.sleep(0.02)

    async def one_more_answer(self) -> None:
        """In every chat: the service has recovered."""
        with anyio.fail_after(PATIENCE):
            for talk in self.talks:
                before = talk.answered
                while talk.answered == before:
                    await talk.more.wait()

    # --- what happens ---

    async def kill_a_process_inside(self) -> None:
        """A worker, a session, or the server of the sandbox itself."""
        children = psutil.Process(self._any.pid).children(recursive=True)
        with suppress(psutil.NoSuchProcess):
            self.random.choice(children).kill()

    async def fill_the_disk(self) -> None:
        """No file of the server can be written, as on a full disk, for half a second."""
        pid = self._any.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        await anyio.sleep(0.5)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    async def lock_the_database(self, seconds: float = 0.5) -> None:
        if self.postgres is not None:
            await self._execute(f"BEGIN; LOCK TABLE codeact.chats; SELECT pg_sleep({seconds}); ROLLBACK")
            return
        with closing(self._other_program()) as other:
            await anyio.to_thread.run_sync(other.execute, "BEGIN IMMEDIATE")
            await anyio.sleep(seconds)
            other.execute("ROLLBACK")

    async def lock_it_for_longer_than_the_service_waits(self) -> None:
        await self.lock_the_database(7.0)

    async def drop_connections(self) -> None:
        for talk in self.talks:
            talk.line.cancel()

    async def move_the_clock(self) -> None:
        """All leases have ended, or last much longer, or seem to be of another start of the machine."""
        change = self.random.choice(["ends = ends - 1000", "ends = ends + 1000", "clock = 'another start'"])
        if self.postgres is not None:
            await self._execute(f"UPDATE codeact.holds SET {change}")
            return
        with closing(self._other_program()) as other:
            await anyio.to_thread.run_sync(other.execute, f"UPDATE holds SET {change}")

    def _other_program(self) -> sqlite3.Connection:
        path = self.services[0].database.removeprefix("sqlite:")
        return sqlite3.connect(path, isolation_level=None, timeout=PATIENCE, check_same_thread=False)

    async def _execute(self, sql: str) -> None:
        assert self.postgres is not None
        await anyio.to_thread.run_sync(self.postgres.execute, sql)

    async def lose_the_database(self, seconds: float = 0.5) -> None:
        """Its server crashes, and comes back."""
        assert self.postgres is not None
        await anyio.to_thread.run_sync(self.postgres.stop, "immediate")
        await anyio.sleep(seconds)
        await anyio.to_thread.run_sync(self.postgres.start)

    async def lose_it_for_longer_than_the_service_waits(self) -> None:
        await self.lose_the_database(7.0)

    async def kill_the_server(self) -> None:
        """One of them, where there are several."""
        await self._again(signal.SIGKILL)

    async def end_the_server(self) -> None:
        await self._again(signal.SIGTERM)

    @property
    def _any(self) -> Served:
        return self.random.choice(self.services)

    async def _again(self, by: signal.Signals) -> None:
        service = self._any
        self.left += await service.end(by)
        if len(self.services) > 1:
            await self.one_more_answer()  # by those that are left
        await service.begin()
        await self.drop_connections()  # to the address that the service had

    # --- what must be true ---

    async def check(self) -> None:
        """After the service has ended. Raises `AssertionError`."""
        assert self.left == []
        assert [str(path) for service in self.services for path in service.scratch.rglob("*")] == []
        async with open_store(self.services[0].database) as store:
            for talk in self.talks:
                await _check(talk, store)


async def _check(talk: Talk, store: Store) -> None:
    runs = {run.id: run for run in await store.runs(talk.id)}
    assert {id: runs[id].text for id in talk.sent} == talk.sent, "what was acknowledged is kept"
    assert {run.status for run in runs.values()} <= {"answered", "error", "interrupted", "cancelled"}
    told = await _log(talk, store)
    assert [one.number for one in told] == list(range(1, len(told) + 1))
    assert talk.seen == told[: len(talk.seen)], "nobody was told what is not in the log, or in another order"
    ended = Counter(one.run for one in told if one.event["kind"] == "run_ended")
    assert {id: ended[id] for id in talk.sent} == dict.fromkeys(talk.sent, 1), "each ends once, for all who listen"


async def _log(talk: Talk, store: Store) -> Sequence[Told]:
    told: list[Told] = []
    while page := await store.told(talk.id, after=len(told)):
        told += page
    return told
