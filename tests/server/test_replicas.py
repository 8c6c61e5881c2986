"""Two replicas on one PostgreSQL, and people who come to either in turn, as behind a plain load balancer."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from benchmarks.served import QUICK, TOKEN, Served, connect_to_any, replicas

from codeact.errors import NotFoundError
from codeact.server.client import Client, RemoteChat, connect
from codeact.server.http.credentials import digest, new_token
from codeact.server.nouns import Settings, Told
from codeact.server.store import open_store

from .store.postgres_server import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

PATIENCE = 60.0  # seconds; for slow machines, never waited for otherwise
SLOWLY = "run: import subprocess, time\nsubprocess.Popen(['sleep', '600'])\nprint('on', flush=True)\ntime.sleep(600)"


async def test_a_chat_is_one_whichever_replica_is_asked_and_outlives_each(
    postgres: PostgresServer, postgres_address: str, tmp_path: Path
) -> None:
    async with replicas(2, tmp_path, postgres_address, QUICK) as services:
        async with connect_to_any(services) as client:
            chat = await use_it(client)
            await settle_questions(client)
            assert sum([await service.awake() for service in services]) == 3, "each chat in one replica"
            await be_nobody_elses(chat, services)
            await take_over(chat, services, postgres)
        for service in services:
            assert await service.end() == []
            assert list(service.scratch.rglob("*")) == []
    async with open_store(postgres_address) as store:
        told = await store.told(chat.id)
    assert [one.number for one in told] == list(range(1, len(told) + 1))


async def use_it(client: Client) -> RemoteChat:
    """Each request goes to another replica than the one before, and the interpreter is the same all the time."""
    chat = await client.create()
    for name in ("a.txt", "b é.txt"):
        await chat.put(name, name.encode() * 100_000)
        assert await chat.get(name) == name.encode() * 100_000
    assert [(await chat.ask("Count")).answer for _ in range(3)] == ["It is 1.", "It is 2.", "It is 3."]
    for _ in range(2):
        assert {file.path for file in await chat.files()} == {"a.txt", "b é.txt"}
        assert ("x", "3") in [(variable.name, variable.preview) for variable in await chat.variables()]
    values = [await chat.run_code("numbers = globals().get('numbers') or iter(range(9)); next(numbers)") for _ in "12"]
    assert [value["value"] for value in values] == ["0", "1"], "sleep would not have kept an iterator"
    executed = [(await client.execute("mine", "n = globals().get('n', 0) + 1; n")).result for _ in range(3)]
    assert executed == ["1", "2", "3"]
    return chat


async def settle_questions(client: Client) -> None:
    """An approval and a question of the code are settled, and a run is stopped, through either."""
    chat = await client.create(settings=Settings(approve=True))
    run = await chat.send("run: print(input('Who? '))")
    asked = await until(chat, "approval_asked")
    await chat.decide(str(asked.event["question"]), True)
    asked = await until(chat, "question_asked", after=asked.number)
    await chat.reply(str(asked.event["question"]), "Ann")
    assert (await chat.ended(run.id)).answer == "It is Ann."
    run = await chat.send("Count")
    await until(chat, "approval_asked", after=asked.number)
    await chat.stop()
    assert (await chat.ended(run.id)).status == "cancelled"


async def be_nobody_elses(chat: RemoteChat, services: Sequence[Served]) -> None:
    token = new_token()
    async with open_store(services[0].database) as store:
        await store.add_token("bob", digest(token))
    for service in services:
        async with connect(service.url, token=token) as bob:
            for act in (bob.chat(chat.id).files, bob.chat(chat.id).stop, bob.chat(chat.id).delete):
                with pytest.raises(NotFoundError):
                    await act()


async def take_over(chat: RemoteChat, services: Sequence[Served], postgres: PostgresServer) -> None:
    """The replica that has the chat awake is killed in the middle of an action; the other one goes on."""
    run = await chat.send(SLOWLY)
    begun = await until(chat, "output_chunk", run=run.id)
    holder = postgres.execute(f"SELECT replica FROM codeact.holds WHERE chat = '{chat.id}'")
    killed, other = services if holder.endswith(services[0].url) else services[::-1]
    assert await killed.end(signal.SIGKILL) == [], "no process of its sandbox is left"
    postgres.execute("UPDATE codeact.holds SET ends = 0")  # its leases have ended
    ended = await until(chat, "run_ended", after=begun.number)
    assert (ended.run, ended.event["status"]) == (run.id, "interrupted"), "before anybody asks"
    assert (await chat.run_code("x"))["value"] == "3"
    async with connect(other.url, token=TOKEN) as client:
        assert await client.chat(chat.id).get("a.txt") == b"a.txt" * 100_000
    await killed.begin()
    assert [(await chat.ask("Count")).status for _ in range(2)] == ["answered"] * 2, "asked of either again"


async def until(chat: RemoteChat, kind: str, *, after: int = 0, run: str | None = None) -> Told:
    with anyio.fail_after(PATIENCE):
        async with chat.events(after=after) as events:
            async for told in events:
                if told.event["kind"] == kind and run in (None, told.run):
                    return told
    raise AssertionError(f"the log ended before {kind!r}")
