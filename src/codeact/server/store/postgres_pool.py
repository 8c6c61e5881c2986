"""A few connections to a PostgreSQL server, and new ones in the place of those that broke."""

from __future__ import annotations

import select
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import anyio
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

SIZE: Final = 8  # a piece of work takes a few milliseconds, and a replica has one processor to ask from
_PAUSE: Final = 0.2  # seconds between tries

# A server that is gone without a word is noticed, and a lock is not waited for forever; an address may say otherwise.
_DEFAULTS: Final = {
    "application_name": "codeact",
    "connect_timeout": "5",  # seconds
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds
    "client_encoding": "UTF8",
}
_SETTINGS: Final = (
    "SET search_path TO codeact; SET statement_timeout TO '15s'; SET idle_in_transaction_session_timeout TO '60s'; "
    "SET default_transaction_isolation TO 'read committed'; SET lock_timeout TO {lock_timeout:.0f}"
)
_SOON: Final = ("the database system is ", "too many clients", "connection slots are reserved")  # … starting up


class Pool:
    """Connects when it is asked to, so that a server may come and go. `patience`: seconds for one that is away, or for
    another program's lock.
    """

    def __init__(self, parameters: Mapping[str, str], patience: float) -> None:
        self._address = make_conninfo(**{**_DEFAULTS, **parameters})
        self._patience = patience
        self._places = anyio.Semaphore(SIZE)
        self._idle: list[Connection] = []  # the last used is the next to be used
        self.closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Raises `psycopg.Error` where there is none to be had."""
        async with self._places:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(connection)

    @asynccontextmanager
    async def own(self) -> AsyncGenerator[Connection]:
        """A connection beside those that are shared. Raises as `connection`."""
        connection = await self._connect()
        try:
            yield connection
        finally:
            with anyio.CancelScope(shield=True), suppress(psycopg.Error):
                await connection.close()

    async def close(self) -> None:
        self.closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not _ended(connection):
                return connection
            await connection.close()
        return await self._connect()

    async def _give_back(self, connection: Connection) -> None:
        is_clean = connection.info.transaction_status == TransactionStatus.IDLE
        if is_clean and not self.closed:
            self._idle.append(connection)
        else:
            with anyio.CancelScope(shield=True), suppress(psycopg.Error):
                await connection.close()

    async def _connect(self) -> Connection:
        """Tries for a while where nobody answers, or says that it is not ready; a refusal is final."""
        deadline = anyio.current_time() + self._patience
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
                await connection.execute(_SETTINGS.format(lock_timeout=self._patience * 1000).encode())
                return connection
            except psycopg.OperationalError as error:
                if _is_final(error) or anyio.current_time() + _PAUSE > deadline:
                    raise
            await anyio.sleep(_PAUSE)


def _ended(connection: Connection) -> bool:
    """A server has nothing to say to an idle connection but farewell: so one that can be read from has been ended."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _is_final(error: psycopg.OperationalError) -> bool:
    said = str(error)  # there is no code for it where there is no connection
    return "FATAL" in said and not any(words in said for words in _SOON)
