"""A server that is killed in the middle of an action, and the one that comes after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
import pytest

from codeact.sandbox.local import LocalSandbox
from codeact.server.replica import has_ended, replica_name
from codeact.server.store import open_store

from .keeping import ANNE, PATIENCE, a_room, code, events, keeping, value_of

pytestmark = pytest.mark.anyio

DOOMED = Path(__file__).with_name("doomed.py")


def killed_in_the_middle(store: Path, scratch: Path) -> tuple[dict[str, str], list[psutil.Process]]:
    """Start a server, kill it while an action runs; what it said, and the processes that it had started."""
    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = [sys.executable, str(DOOMED), f"sqlite:{store}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        children = psutil.Process(server.pid).children(recursive=True)
        server.kill()
    return said, children


async def test_a_killed_server_leaves_nothing_and_comes_back_with_every_chat(
    warm_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch := tmp_path / "tmp").mkdir()  # for what the server makes in the temporary folder of the host
    said, children = await anyio.to_thread.run_sync(killed_in_the_middle, tmp_path / "chats.db", scratch)
    assert len(children) >= 3, "the sandbox's server, the session and its worker"
    _, alive = await anyio.to_thread.run_sync(lambda: psutil.wait_procs(children, timeout=PATIENCE))
    assert alive == []
    (left,) = scratch.iterdir()
    assert left.name.startswith("codeact-uploads-"), "the folder of uploads, for the next server to remove"
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert has_ended(said["replica"])
    async with open_store(f"sqlite:{tmp_path / 'chats.db'}") as store:
        assert [run.id for run in await store.running()] == []  # its lease holds them still
        async with keeping(warm_sandbox, code("x + 1"), "It is 42.", store=store, beat=0.05) as house:
            assert not left.exists()
            room = await house.room(said["chat"], owner=ANNE)  # at once: its holder is seen to have ended
            (run,) = await house.store.runs(room.chat.id)
            assert (run.id, run.status) == (said["run"], "interrupted")
            assert run.trajectory is not None
            assert len(run.trajectory.steps) == 1, "the step that was complete"
            told = [one.event for one in await events(house, room.chat) if one.run == run.id]
            assert [event["kind"] for event in told].count("action_started") == 2
            assert [event["kind"] for event in told].count("action_finished") == 1
            assert told[-1]["status"] == "interrupted"
            assert room.woken == "replayed"
            assert await value_of(room, "x, open('kept.txt').read()") == "(41, 'kept')"
            await room.send("Go on")
            ended = await room.wait()
            assert ended is not None
            assert (ended.status, ended.parent) == ("answered", run.id)
            assert ended.trajectory is not None
            assert "Count" in ended.trajectory.prompt[1].text


async def test_interrupted_runs_are_marked_before_anybody_asks(warm_sandbox: LocalSandbox, tmp_path: Path) -> None:
    async with open_store("sqlite::memory:") as store:
        async with keeping(warm_sandbox, code("import time; time.sleep(600)"), store=store, replica="one") as house:
            chat = await house.new_chat(ANNE)
            room = await house.room(chat.id, owner=ANNE)
            run = await room.send("Sleep")
            running = (await store.runs(chat.id))[0]
            await room.stop()
            await room.sleep()
        await store.change_run(running)  # as if that house had been killed
        async with keeping(warm_sandbox, store=store, replica="two") as house:
            (found,) = await store.runs(chat.id)
            assert (found.id, found.status) == (run.id, "interrupted")
            assert house.counts().interrupted == 1
            assert await store.holder(chat.id) is None


async def test_a_server_killed_between_a_runs_end_and_its_event_tells_it_later(warm_sandbox: LocalSandbox) -> None:
    async with open_store("sqlite::memory:") as store:
        async with keeping(warm_sandbox, "Done.", store=store) as house:
            room = await a_room(house)
            run = await room.send("Do it")
            await room.wait()
            whole = list(await events(house, room.chat))
            cut = await house.new_chat(ANNE)  # as if that house had been killed before its last event
            await store.add_run(replace((await house.store.runs(room.chat.id))[0], chat=cut.id))
            await store.tell(cut.id, run.id, [one.event for one in whole if one.event["kind"] != "run_ended"])
        async with keeping(warm_sandbox, store=store) as house:
            for _ in range(2):
                await (await house.room(cut.id, owner=ANNE)).sleep()
            ended = [one for one in await events(house, cut) if one.event["kind"] == "run_ended"]
            assert [(one.run, one.event["status"]) for one in ended] == [(run.id, "answered")]


def test_a_process_knows_whether_another_has_ended() -> None:
    mine = replica_name()
    assert not has_ended(mine)
    place, _, rest = mine.rpartition(":")[0].rpartition(":")
    assert has_ended(f"{place}:{rest}:1"), "the number was given to another process since"
    assert not has_ended(f"elsewhere:1:{rest}:1"), "another machine cannot be looked into"
    assert not has_ended("a name of somebody's own")
