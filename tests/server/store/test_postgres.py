"""A PostgreSQL server that goes away, refuses, or is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import psycopg
import pytest

from codeact.errors import QuotaError, StoreError, UsageError
from codeact.server.store import Store, open_store
from codeact.server.store.postgres import open_postgres
from codeact.server.store.schema import VERSIONS

from .chats import UNCOUNTED, a_chat, fill, fill_to_search
from .postgres_server import PostgresServer

pytestmark = pytest.mark.anyio

SHORT = 0.3  # seconds of patience, where it is to run out
LONG = 60.0


@contextmanager
def refused(*, saying: str) -> Iterator[None]:
    """Raises a `StoreError` of one line."""
    with pytest.raises(StoreError, match=saying) as caught:
        yield
    assert "\n" not in str(caught.value)


async def test_a_server_that_was_started_again_is_connected_to_again(
    postgres: PostgresServer, postgres_address: str
) -> None:
    chat = a_chat()
    async with open_postgres(postgres_address, patience=LONG) as store:
        await store.add_chat(chat)
        postgres.stop()
        async with anyio.create_task_group() as group:
            group.start_soon(store.tell, chat.id, None, [{"kind": "told while it was away"}])
            await anyio.to_thread.run_sync(postgres.start)
        assert [told.number for told in await store.told(chat.id)] == [1]
        postgres.stop("immediate")
        postgres.start()
        assert await store.chats("ada") == [chat]


async def test_a_server_that_is_away_says_so(postgres: PostgresServer, postgres_address: str) -> None:
    async with open_postgres(postgres_address, patience=SHORT) as store:
        postgres.stop()
        try:
            with refused(saying=r"the database 'postgres' at .* cannot be reached: .*No such file or directory"):
                await store.ready()
        finally:
            postgres.start()
        await store.ready()


async def test_connections_that_an_administrator_ended_are_replaced(
    postgres: PostgresServer, postgres_address: str
) -> None:
    async with open_store(postgres_address) as store:
        await store.ready()
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'codeact'"
        assert int(postgres.execute(ended)) >= 1
        await store.ready()


async def test_a_wrong_password_is_refused_and_never_shown(postgres: PostgresServer, postgres_address: str) -> None:
    postgres.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    try:
        with pytest.raises(StoreError, match="password authentication failed for user") as caught:
            async with open_store(postgres.address("postgres", user="guarded", password="hunter2 @/")):
                raise AssertionError("opened")
    finally:
        postgres.execute("DROP ROLE guarded")
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("address", ["postgresql://ada:hunter2@[half", "postgresql://ada:hunter2@db/x?no_such=option"])
async def test_an_address_that_cannot_be_read_is_not_shown(address: str) -> None:
    with pytest.raises(UsageError, match="cannot be read; it should look like postgresql://") as caught:
        async with open_store(address):
            raise AssertionError("opened")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_a_database_that_there_is_not_says_so(postgres: PostgresServer) -> None:
    with refused(saying='database "none" does not exist'):
        async with open_store(postgres.address("none")):
            raise AssertionError("opened")


async def test_a_database_that_keeps_no_unicode_is_refused(postgres: PostgresServer) -> None:
    postgres.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    try:
        with refused(saying="keeps text as SQL_ASCII; remedy"):
            async with open_store(postgres.address("ascii")):
                raise AssertionError("opened")
    finally:
        postgres.execute("DROP DATABASE ascii WITH (FORCE)")


async def test_a_read_only_database_says_so(postgres_address: str) -> None:
    chat = a_chat()
    async with open_store(postgres_address) as store:
        await store.add_chat(chat)
    async with open_store(f"{postgres_address}&options=-cdefault_transaction_read_only%3Don") as store:
        with refused(saying="is read-only"):
            await store.ready()
        assert await store.chats("ada") == [chat]


async def test_a_locked_table_is_not_waited_for_forever(postgres_address: str) -> None:
    async with open_postgres(postgres_address, patience=SHORT) as store:
        async with await psycopg.AsyncConnection.connect(postgres_address) as somebody:
            await somebody.execute("LOCK TABLE codeact.chats")
            with refused(saying="is locked by another program"):
                await store.add_chat(a_chat())
        await store.add_chat(a_chat())


async def test_tables_that_somebody_has_dropped_are_missed(postgres: PostgresServer, postgres_address: str) -> None:
    async with open_store(postgres_address) as store:
        postgres.execute("DROP SCHEMA codeact CASCADE")
        with refused(saying="has lost its tables"):
            await store.ready()
    async with open_store(postgres_address) as store:
        await store.ready()


async def test_another_programs_schema_is_refused(postgres: PostgresServer, postgres_address: str) -> None:
    postgres.execute("CREATE SCHEMA codeact; CREATE TABLE codeact.recipes (name TEXT)")
    with refused(saying="another program .*recipes"):
        async with open_store(postgres_address):
            raise AssertionError("opened")


async def test_replicas_that_start_together_make_the_tables_once(
    postgres: PostgresServer, postgres_address: str
) -> None:
    async def start() -> None:
        async with open_postgres(postgres_address, patience=LONG) as store:
            await store.ready()

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(start)
    assert postgres.execute("SELECT version, tried FROM codeact.codeact_store") == f"{len(VERSIONS)}|4"


async def test_a_search_that_takes_too_long_is_given_up(postgres_address: str) -> None:
    async with open_postgres(postgres_address, search=0.001) as store:
        words = await fill_to_search(store)
        with pytest.raises(QuotaError, match="took more than"):
            await store.chats("ada", search=words)
        assert len(await store.chats("ada")) == 1
    async with open_postgres(postgres_address) as store:
        assert await store.chats("ada", search=words) == []


async def test_what_was_written_before_it_was_counted_is_counted(
    postgres: PostgresServer, postgres_address: str
) -> None:
    async with open_store(postgres_address) as store:
        await fill(store)
        used = await store.used("ada")
    postgres.execute("; ".join(["SET search_path TO codeact", *UNCOUNTED]))
    async with open_store(postgres_address) as store:
        assert await store.used("ada") == used


async def test_a_store_leaves_no_connection_behind(postgres: PostgresServer, postgres_address: str) -> None:
    async with open_store(postgres_address) as store, anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(store.ready)
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'codeact'"
    with anyio.fail_after(30):
        while postgres.execute(count) != "0":  # noqa: ASYNC110 (a server notices a little later, and tells nobody)
            await anyio.sleep(0.05)


async def test_what_one_replica_tells_another_hears_of_until_the_server_goes(
    postgres: PostgresServer, postgres_address: str
) -> None:
    chat = a_chat()
    async with open_postgres(postgres_address) as store, open_postgres(postgres_address) as other:
        await store.add_chat(chat)
        heard, hear = anyio.create_memory_object_stream[str](10)
        async with hear, heard, anyio.create_task_group() as group:
            group.start_soon(other.hear, heard.send_nowait)
            await listened_to(postgres, 1)
            await store.tell(chat.id, None, [{"kind": "told"}])
            with anyio.fail_after(LONG):
                assert await hear.receive() == chat.id
            group.cancel_scope.cancel()
        await listened_to(postgres, 0)
        async with anyio.create_task_group() as group:
            group.start_soon(hear_until_it_is_lost, other)
            await listened_to(postgres, 1)
            postgres.stop()
        postgres.start()


async def listened_to(postgres: PostgresServer, by: int) -> None:
    sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE query = 'LISTEN codeact'"
    with anyio.fail_after(LONG):
        while postgres.execute(sql) != str(by):  # noqa: ASYNC110 -- of another process
            await anyio.sleep(0.05)


async def hear_until_it_is_lost(store: Store) -> None:
    with refused(saying="the database 'postgres' at .*"):
        await store.hear(lambda _: None)
