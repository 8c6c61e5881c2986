"""Which store an address is of, and whose database is refused."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from codeact.errors import MissingExtraError, StoreError, UsageError
from codeact.server.store import STORES, open_store
from codeact.server.store.schema import VERSIONS, bring_up
from codeact.server.store.sqlite_file import Job, SqliteFile

from .chats import UNCOUNTED, a_chat, fill

pytestmark = pytest.mark.anyio


async def test_a_bare_path_is_sqlites_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "chats.db"
    chat = a_chat()
    async with open_store(str(path)) as store:
        await store.add_chat(chat)
    async with open_store(f"sqlite:{path}") as store:
        assert await store.chats("ada") == [chat]
    assert path.stat().st_mode & 0o077 == 0  # nobody else's business


async def test_a_database_in_memory_ends_with_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_store("sqlite::memory:") as store:
        await store.add_chat(a_chat())
        assert len(await store.chats("ada")) == 1
    async with open_store("sqlite::memory:") as store:
        assert await store.chats("ada") == []
    assert not os.listdir()


@pytest.mark.parametrize("address", ["mongodb://ada:hunter2@db/chats", "mysql:x", "no.such.module:open_it", "sqlite:"])
async def test_an_address_of_no_store_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        async with open_store(address):
            raise AssertionError("opened")
    assert "hunter2" not in str(refused.value)


async def test_sqlalchemys_addresses_are_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="should look like sqlite:PATH"):
        async with open_store(f"sqlite:///{tmp_path}/chats.db"):
            raise AssertionError("opened")


async def test_somebody_elses_store_is_called_with_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_mine").mkdir()
    (tmp_path / "of_mine" / "stores.py").write_text("def open_it(address):\n    return address\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert open_store("of_mine.stores:open_it") == "of_mine.stores:open_it"
    with pytest.raises(UsageError, match="does not have"):
        open_store("of_mine.stores:another")


async def test_postgresql_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, STORES["postgresql"].partition(":")[0], raising=False)
    with pytest.raises(MissingExtraError, match=r"codeact\[postgres\]"):
        open_store("postgresql://localhost/chats")


# --- versions -------------------------------------------------------------------------------------


async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "recipes.db"
    with closing(sqlite3.connect(path)) as recipes:
        recipes.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreError, match=r"another program.*recipes"):
        async with open_store(str(path)):
            raise AssertionError("opened")
    with closing(sqlite3.connect(path)) as recipes:
        assert recipes.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Ada, " * 1000)
    with pytest.raises(StoreError, match="no database of SQLite"):
        async with open_store(str(path)):
            raise AssertionError("opened")
    assert path.read_text() == "Dear Ada, " * 1000


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    async with open_store(str(path)):
        pass
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("UPDATE codeact_store SET version = 99")
        newer.commit()
    with pytest.raises(StoreError, match=r"newer codeact \(schema version 99; .*pip install --upgrade"):
        async with open_store(str(path)):
            raise AssertionError("opened")


async def test_what_was_written_before_it_was_counted_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    async with open_store(str(path)) as store:
        await fill(store)
        used = await store.used("ada")
    with closing(sqlite3.connect(path)) as earlier, earlier:
        for statement in UNCOUNTED:
            earlier.execute(statement)
    async with open_store(str(path)) as store:
        assert await store.used("ada") == used


def test_a_database_of_an_earlier_version_is_brought_up(tmp_path: Path) -> None:
    database = SqliteFile(str(tmp_path / "chats.db"), 5.0, writes=True)
    database.open()
    later = (*VERSIONS, ("CREATE TABLE stars (chat TEXT)", "ALTER TABLE chats ADD COLUMN star TEXT"))
    broken = (*later, ("CREATE TABLE half (a TEXT)", "CREATE TABLE stars (chat TEXT)"))
    jobs = [Job(bring_up()), Job(bring_up(later)), Job(bring_up(later)), Job(bring_up(broken)), Job(bring_up())]
    database.carry_out(jobs)
    database.close()
    assert [type(job.error) for job in jobs] == [type(None), type(None), type(None), StoreError, StoreError]
    with closing(sqlite3.connect(tmp_path / "chats.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"chats", "stars"} <= tables
    assert "half" not in tables  # a version comes whole or not at all
