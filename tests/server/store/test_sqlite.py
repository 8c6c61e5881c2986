"""A file that is locked, read-only, full, damaged or gone."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from codeact.errors import QuotaError, StoreError
from codeact.server.store import Store, open_store
from codeact.server.store.sqlite import open_sqlite
from codeact.types import Message

from .chats import a_chat, a_run, a_trajectory, fill_to_search

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with open_sqlite(f"sqlite:{path}", patience=0.2) as opened:
        yield opened


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may look into, as a temporary folder of pytest is not."""
    folder = Path(tempfile.mkdtemp(prefix="codeact-store-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def test_a_long_lock_is_not_waited_for(store: Store, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked by another program"):
            await store.ready()
        assert await store.chats("ada") == []  # reading needs no lock
        somebody.execute("COMMIT")
    await store.ready()


async def test_a_short_lock_is_waited_for(path: Path) -> None:
    async with open_sqlite(f"sqlite:{path}", patience=60) as store:
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                group.start_soon(store.ready)
                await anyio.sleep(0.2)
                somebody.execute("COMMIT")


async def test_a_file_that_was_removed_or_replaced_is_not_written_into(store: Store, path: Path) -> None:
    away = path.with_name("away")
    path.rename(away)  # noqa: ASYNC240 (one system call)
    for attempt in (store.ready, lambda: store.chats("ada")):
        with pytest.raises(StoreError, match=r"chats\.db' has been removed or replaced; remedy: put it back"):
            await attempt()
    path.write_bytes(b"another file")  # noqa: ASYNC240 (a few system calls)
    with pytest.raises(StoreError, match="has been removed or replaced"):
        await store.ready()
    away.rename(path)
    await store.ready()


async def test_a_damaged_file_says_so(path: Path) -> None:
    async with open_store(str(path)) as store:
        for number in range(50):
            await store.add_chat(a_chat(title=f"{number} " * 500))
    size = path.stat().st_size  # noqa: ASYNC240 (one system call)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * (size - 4096))
    with pytest.raises(StoreError, match="is damaged; remedy"):
        async with open_store(str(path)) as store:
            await store.chats("ada")


async def test_what_is_not_of_this_program_is_named(store: Store, path: Path) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    with closing(sqlite3.connect(path)) as somebody, somebody:
        somebody.execute("""UPDATE chats SET settings = '{"turns": "many"}'""")
    with pytest.raises(StoreError, match=f"settings of the chat '{chat.id}' cannot be read: turns: "):
        await store.chat(chat.id, owner="ada")
    run = a_run(chat)
    await store.add_run(replace(run, trajectory=a_trajectory(run)))
    for change in ("DELETE FROM messages", "UPDATE runs SET trajectory = '[]'", "UPDATE runs SET trajectory = '{'"):
        with closing(sqlite3.connect(path)) as somebody, somebody:
            somebody.execute(change)
        with pytest.raises(StoreError, match=f"trajectory of the run '{run.id}' cannot be read: "):
            await store.runs(chat.id)


async def test_a_long_chat_does_not_grow_with_its_square(store: Store, path: Path) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    talk = tuple(Message.of("user", f"{number} " * 5_000) for number in range(50))  # half a megabyte
    for end in range(50):
        run = a_run(chat)
        await store.add_run(replace(run, trajectory=replace(a_trajectory(run), prompt=talk[:end])))
    with closing(sqlite3.connect(path)) as somebody:
        ((messages, size),) = somebody.execute("SELECT count(*), sum(length(message)) FROM messages")
    assert messages == 49
    assert size < 1_000_000


async def test_leases_of_another_boot_have_ended(store: Store, path: Path) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    assert await store.hold(chat.id, "before", seconds=1e9)
    with closing(sqlite3.connect(path)) as somebody, somebody:
        somebody.execute("UPDATE holds SET clock = 'the boot before'")
    assert await store.holder(chat.id) is None
    assert await store.hold(chat.id, "after")


async def test_a_thousand_writers_are_all_served(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(store.tell, chat.id, None, [{"kind": "n", "n": number}])
    assert [told.number for told in await store.told(chat.id, most=2000)] == list(range(1, 1001))


# --- what only another process can try: it gives away its rights, or limits itself ----------------

PRELUDE = """
import json, os, resource, sys
import anyio, anyio._backends._asyncio
import codeact.server.store.sqlite
from codeact.errors import StoreError
from codeact.server.store import open_store

def drop_rights():
    if os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)

said = []
async def attempt(work):
    try:
        said.append(await work)
    except StoreError as error:
        said.append(str(error))
async def opened():
    async with open_store(sys.argv[1]):
        return "opened"
"""


def said_by(script: str, path: Path) -> list[str]:
    whole = f"{PRELUDE}{script}\nanyio.run(main)\nprint(json.dumps(said))"
    command = [sys.executable, "-c", whole, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_file_that_may_only_be_read_says_so(open_folder: Path) -> None:
    path = open_folder / "chats.db"
    async with open_store(str(path)) as store:
        await store.add_chat(a_chat())
    path.chmod(0o444)
    said = said_by("async def main():\n    drop_rights()\n    await attempt(opened())", path)
    assert said == [f"the database '{path}' is read-only"]


async def test_a_folder_that_may_not_be_written_says_so(open_folder: Path) -> None:
    missing = open_folder / "chats.db"
    said = said_by("async def main():\n    drop_rights()\n    await attempt(opened())", missing)
    assert said == [f"the database '{missing}' cannot be opened: Permission denied"]


FULL = """
async def main():
    async with open_store(sys.argv[1]) as store:
        await store.add_token("ada", b"1")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        async with anyio.create_task_group() as group:
            group.start_soon(attempt, store.add_token("eve", b"2" * 2_000_000))
            group.start_soon(attempt, store.add_token("eve", b"3"))
        said.append(await store.owner_of(b"1"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await attempt(store.ready())
        await store.add_token("ada", b"4")
    async with open_store(sys.argv[1]) as store:
        said.extend([await store.owner_of(b"1"), await store.owner_of(b"4")])
"""


async def test_a_full_disk_says_so_and_loses_nothing(path: Path) -> None:
    first, second, *rest = said_by(FULL, path)
    assert first.startswith(f"the database '{path}' cannot be read or written; its disk may be full")
    assert second == first  # they shared a commit
    assert rest == ["ada", None, "ada", "ada"]


async def test_a_search_that_takes_too_long_is_given_up(path: Path) -> None:
    async with open_sqlite(f"sqlite:{path}", search=0.0) as store:
        words = await fill_to_search(store)
        with pytest.raises(QuotaError, match="took more than 0 seconds"):
            await store.chats("ada", search=words)
        assert len(await store.chats("ada")) == 1
    async with open_sqlite(f"sqlite:{path}") as store:
        assert await store.chats("ada", search=words) == []
