"""PostgreSQL: for several replicas at once, on one machine or many. The tables are in a schema `codeact`."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from anyio import fail_after
from psycopg.conninfo import conninfo_to_dict

from codeact.errors import StoreError, UsageError
from codeact.server.store.postgres_pool import Connection, Pool
from codeact.server.store.postgres_words import failed, named
from codeact.server.store.schema import bring_up
from codeact.server.store.sql import SqlStore, store_in
from codeact.server.store.work import SEARCH, Ask, Dialect, Hear, Rows, Statement, Steps, T, Work, fit, too_long, unfit

_AT_MOST: Final = 25.0  # seconds for one piece of work, should the server not give up by itself (postgres_pool)

_DIALECT: Final = Dialect(
    {
        "clock": "''",
        "now": "extract(epoch FROM clock_timestamp())::double precision",  # the server's, whatever replicas' clocks say
        "find": "strpos",
        "locked": "FOR NO KEY UPDATE",
        "say": ", pg_notify('codeact', id)",
        "bytes": "BYTEA",
        "counter": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "tables": "(SELECT tablename AS name FROM pg_tables WHERE schemaname = 'codeact') AS found",
    },
    placeholder="%s",
)
_LOCK: Final = 0x_C0DE_AC70  # of those who bring the schema up: one after the other


@asynccontextmanager
async def open_postgres(address: str, *, patience: float = 5.0, search: float = SEARCH) -> AsyncGenerator[SqlStore]:
    """The store in the database of `postgresql://USER:PASSWORD@HOST:PORT/NAME`, or whatever else libpq reads as one.

    A server that is away, or being started again, is waited for `patience` seconds each time it is needed, and so is
    another program's lock. A search may take `search` seconds.

    Raises:
        UsageError: the address is none of libpq's.
        StoreError: the database cannot be used, or was written by a newer version.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(address).items()}
    except psycopg.Error:
        said = "the address of the database cannot be read; it should look like postgresql://USER:PASSWORD@HOST/NAME"
        raise UsageError(said) from None  # its reason quotes the address, and a password with it
    async with store_in(_Postgres(parameters, patience, search)) as store:
        yield store


class _Postgres:
    """A `Database`. A piece of work is not cut off by a cancellation, so that it is whole or has not begun."""

    def __init__(self, parameters: dict[str, str], patience: float, search: float) -> None:
        self._parameters = parameters
        self._pool = Pool(parameters, patience)
        self._at_most = patience + _AT_MOST
        self._search = search

    async def open(self) -> None:
        await self._carry_out(_prepared, in_transaction=True, at_most=math.inf)

    async def close(self) -> None:
        await self._pool.close()

    async def read(self, work: Work[T]) -> T:
        return await self._carry_out(work, in_transaction=False, at_most=self._at_most)

    async def search(self, work: Work[T]) -> T:
        def bounded() -> Steps[T]:
            yield Statement(f"SET LOCAL statement_timeout TO {max(1, round(self._search * 1000))}")
            return (yield from work())

        try:
            return await self._carry_out(bounded, in_transaction=True, at_most=self._at_most)
        except StoreError as error:
            if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise too_long(self._search) from error
            raise

    async def write(self, work: Work[T]) -> T:
        return await self._carry_out(work, in_transaction=not isinstance(work, Ask), at_most=self._at_most)

    async def hear(self, hear: Hear) -> None:
        try:
            async with self._pool.own() as connection:
                await connection.execute("LISTEN codeact")
                async for said in connection.notifies():
                    hear(said.payload)
        except psycopg.Error as error:
            raise failed(error, self._parameters) from error

    async def _carry_out(self, work: Work[T], *, in_transaction: bool, at_most: float) -> T:
        if self._pool.closed:
            raise StoreError(f"{named(self._parameters)} has been closed")
        try:
            with fail_after(at_most, shield=True):
                return await self._tried(work, in_transaction)
        except psycopg.Error as error:
            raise failed(error, self._parameters) from error
        except TimeoutError as error:
            raise StoreError(f"{named(self._parameters)} has not answered for {at_most:g} seconds") from error

    async def _tried(self, work: Work[T], in_transaction: bool) -> T:
        """Once more where the connection was lost, unless the server may have carried it out already."""
        is_again = False
        while True:
            async with self._pool.connection() as connection:
                is_final = is_again
                try:
                    if not in_transaction:
                        return await _steps(connection, work)
                    async with connection.transaction():
                        value = await _steps(connection, work)
                        is_final = True  # at the end of this block it is told to commit, whatever we hear of it
                    return value
                except psycopg.OperationalError:
                    if is_final or not connection.closed:
                        raise
            is_again = True


async def _steps(connection: Connection, work: Work[T]) -> T:
    steps = work()
    try:
        statement = next(steps)
        while True:
            statement = steps.send(await _run(connection, statement))
    except StopIteration as end:
        return end.value


async def _run(connection: Connection, statement: Statement) -> Rows:
    sql = _DIALECT.written(statement.sql).encode()
    async with connection.cursor() as cursor:
        if statement.many is not None:
            await cursor.executemany(sql, [fit(row) for row in statement.many])
            return ()
        await cursor.execute(sql, fit(statement.values))
        return [unfit(row) for row in await cursor.fetchall()] if cursor.description else ()


def _prepared() -> Steps[None]:
    """Others wait at the lock until this has ended. Who may not make a schema may use one that is there."""
    yield Statement("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
    yield Statement("SET LOCAL statement_timeout TO 0")  # bringing up a large database takes as long as it takes
    ((encoding,),) = yield Statement("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database keeps text as {encoding}; remedy: make one with ENCODING 'UTF8'")
    if not (yield Statement("SELECT 1 FROM pg_namespace WHERE nspname = 'codeact'")):
        yield Statement("CREATE SCHEMA codeact")
    yield from bring_up()()
