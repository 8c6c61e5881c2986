"""SQLite: one file of this machine, which several processes of this machine may have open.

Three connections, each used by one thread at a time: one writes, one reads and one searches, so that neither a search
nor the wait for the disk stops the others, and none stops the event loop. A commit waits for the disk (WAL,
`synchronous=FULL`), so it survives a killed process and a power cut; all that has come together meanwhile shares the
next commit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from anyio import CancelScope, CapacityLimiter, Lock, sleep_forever, to_thread

from codeact.errors import UsageError
from codeact.server.store.schema import bring_up
from codeact.server.store.sql import SqlStore, store_in
from codeact.server.store.sqlite_file import MEMORY, Job, SqliteFile
from codeact.server.store.work import SEARCH, Hear, T, Work


@asynccontextmanager
async def open_sqlite(address: str, *, patience: float = 5.0, search: float = SEARCH) -> AsyncGenerator[SqlStore]:
    """The store in the file of `sqlite:PATH`, made where it is missing. That of `sqlite::memory:` ends with the block.

    `patience` is how many seconds to wait for another process's transaction; `search`, how many a search may take.

    Raises:
        UsageError: the address names no file.
        SetupError: this Python's SQLite is too old.
        StoreError: the file cannot be used, or is not ours.
    """
    path = address.partition(":")[2]
    if not path or path.startswith("//"):
        raise UsageError(f"{address!r} names no file; it should look like sqlite:PATH")
    async with store_in(_Sqlite(path, patience, search)) as store:
        yield store


class _Sqlite:
    """A `Database`."""

    def __init__(self, path: str, patience: float, search: float) -> None:
        self._writing = self._reading = self._searching = _Lane(SqliteFile(path, patience, writes=True))
        if path != MEMORY:  # which has one connection only
            self._reading = _Lane(SqliteFile(path, patience, writes=False))
            self._searching = _Lane(SqliteFile(path, patience, writes=False, most=search))

    async def open(self) -> None:
        await self._writing.open()
        await self.write(bring_up())
        for lane in (self._reading, self._searching):
            if lane is not self._writing:
                await lane.open()

    async def close(self) -> None:
        for lane in (self._searching, self._reading, self._writing):  # the last to close puts the log into the file
            await lane.close()

    async def read(self, work: Work[T]) -> T:
        return await self._reading.carry_out(work)

    async def search(self, work: Work[T]) -> T:
        return await self._searching.carry_out(work)

    async def write(self, work: Work[T]) -> T:
        return await self._writing.carry_out(work)

    async def hear(self, hear: Hear) -> None:
        await sleep_forever()  # SQLite says nothing


class _Lane:
    """One connection, and those who wait for it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._turn = Lock()
        self._thread = CapacityLimiter(1)  # its own, so that a thousand busy threads elsewhere don't hold it up
        self._waiting: list[Job] = []

    async def open(self) -> None:
        await to_thread.run_sync(self._file.open, limiter=self._thread)

    async def close(self) -> None:
        async with self._turn:
            await to_thread.run_sync(self._file.close, limiter=self._thread)

    async def carry_out(self, work: Work[T]) -> T:
        """Whoever has the turn carries out what all have brought. Not to be cancelled, for the others' sake."""
        job = Job(work)
        self._waiting.append(job)
        with CancelScope(shield=True):
            async with self._turn:
                if not job.done:
                    jobs, self._waiting = self._waiting, []
                    await to_thread.run_sync(self._file.carry_out, jobs, limiter=self._thread)
        if job.error is not None:
            raise job.error
        return cast("T", job.value)
