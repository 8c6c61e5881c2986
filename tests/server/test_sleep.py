"""Sleeping and waking: what is there again, what is not, and who may wake a chat."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import anyio
import pytest

from codeact.errors import ConflictError, NotFoundError, QuotaError, SandboxError
from codeact.sandbox.base import Limits, NetworkPolicy, Offer, Session
from codeact.sandbox.local import LocalSandbox
from codeact.server import sleeping
from codeact.server.nouns import SavedSession, Settings
from codeact.server.settings import Quotas
from codeact.server.store import Store, open_store
from codeact.types import ToolBox

from .keeping import ANNE, PATIENCE, a_room, again, code, events, keeping, until, value_of

pytestmark = pytest.mark.anyio

MAKE = """
import threading
x = {'a': [1, 2]}
lock = threading.Lock()
open('plain.txt', 'w').write('plain')
import os
os.mkdir('folder'); open('folder/inner.bin', 'wb').write(bytes(10))
os.symlink('/etc/passwd', 'link')
"""


async def test_variables_and_files_wake_again_and_the_rest_is_named(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code(MAKE), "Made.", "Hello.") as house:
        room = await a_room(house)
        await room.send("Make")
        await room.wait()
        await room.sleep()
        assert house.counts().awake == 0
        assert (await house.store.holder(room.chat.id)) is None
        room = await again(house, room.chat)
        assert room.woken == "saved"
        assert await value_of(room, "x") == "{'a': [1, 2]}"
        assert {file.path for file in await room.files()} == {"folder/inner.bin", "plain.txt"}
        woken = await until(room, "woken")
        assert woken.event["state"] == "saved"
        assert set(woken.event["skipped"]) == {"lock"}
        await room.send("Hello")
        ended = await room.wait()
        assert ended is not None
        assert ended.trajectory is not None
        assert "but not: lock" in ended.trajectory.prompt[-1].text


async def test_what_is_too_large_to_be_saved_is_named(warm_sandbox: LocalSandbox) -> None:
    quotas = Quotas(saved_files=1000, saved_state=1000)
    making = "big = bytes(5000)\nopen('big', 'wb').write(big)\nopen('small', 'wb').write(bytes(10))"
    async with keeping(warm_sandbox, code(making), "Made.", quotas=quotas) as house:
        room = await a_room(house)
        await room.send("Make")
        await room.wait()
        await room.sleep()
        slept = await until(room, "slept")
        assert set(slept.event["skipped"]) == {"big", "file big"}
        room = await again(house, room.chat)
        assert [file.path for file in await room.files()] == ["small"]


async def test_cells_that_no_sleep_has_saved_are_lost_and_said_to_be(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, "Hello.", code("x = 1"), "One.", code("y"), checkpoints=0) as house:
        room = await a_room(house)
        await room.run_code("mine = 1")
        await room.close(save=False)  # as a kill would
        room = await again(house, room.chat)
        assert room.woken == "lost"
        assert (await until(room, "woken")).event["state"] == "lost"
        assert (await room.run_code("mine")).error is not None
        await room.send("Hello")  # runs no code
        await room.wait()
        await room.close(save=False)
        assert (await again(house, room.chat)).woken == "lost"
        await room.send("One")
        await room.wait()
        await room.close(save=False)
        assert (await again(house, room.chat)).woken == "replayed"
        woken = (await events(house, room.chat))[-1].event
        assert woken["skipped"] == {
            "what the user did beside the messages": "cells of the user's own are not run again"
        }


async def test_a_chat_in_which_nothing_was_done_wakes_as_it_was(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        room = await a_room(house)
        await room.close(save=False)
        room = await again(house, room.chat)
        assert room.woken is None
        assert [one.event["kind"] for one in await events(house, room.chat)] == []


async def test_a_file_without_a_message_is_lost_and_said_to_be(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        room = await a_room(house)
        await room.put("data.csv", b"a,b")
        await room.close(save=False)
        room = await again(house, room.chat)
        assert (room.woken, await room.files()) == ("lost", [])


async def test_files_wake_again_where_no_variable_could_be_saved(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        room = await a_room(house)
        await room.run_code("mine = 1; open('kept.txt', 'w').write('kept')")
        await room.run_code("import sys; sys.modules['codeact_box.portable'] = None")  # what would save them
        await room.sleep()
        room = await again(house, room.chat)
        assert room.woken == "files"
        assert await value_of(room, "open('kept.txt').read(), 'mine' in dir()") == "('kept', False)"


async def test_an_idle_room_goes_to_sleep_and_listeners_hear_of_both(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 1"), "One.", idle=0.2, beat=0.05) as house:
        room = await a_room(house)
        await room.send("One")
        await room.wait()
        async with room.telling.listen() as told:
            kinds = list[str]()
            with anyio.fail_after(PATIENCE):
                async for one in told:
                    kinds.append(one.event["kind"])
                    if kinds[-1] == "slept":
                        await again(house, room.chat)
                    if kinds[-1] == "woken":
                        break
        assert kinds[0] == "run_begun"
        assert kinds[-2:] == ["slept", "woken"]


async def test_a_room_that_is_held_after_it_went_to_sleep_wakes_by_itself(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 1"), "One.") as house:
        room = await a_room(house)
        await room.send("One")
        await room.wait()
        await room.sleep()
        assert await value_of(room, "x") == "1"


async def test_later_runs_than_the_saved_one_are_run_again(warm_sandbox: LocalSandbox) -> None:
    """As after a crash: the chat was saved once, and went on."""
    async with open_store("sqlite::memory:") as store:
        async with keeping(warm_sandbox, code("import random; x = random.random()"), "Made.", store=store) as house:
            room = await a_room(house)
            await room.send("Make")
            await room.wait()
            drawn = await value_of(room, "x")
        saved = await store.saved_session(room.chat.id)
        assert saved is not None
        async with keeping(warm_sandbox, code("y = 1"), "One.", store=store) as house:
            room = await again(house, room.chat)
            await room.send("One")
            await room.wait()
        await store.save_session(saved)
        async with keeping(warm_sandbox, store=store) as house:
            room = await again(house, room.chat)
            assert room.woken == "replayed"
            assert await value_of(room, "x") == drawn
            assert await value_of(room, "y") == "1"


async def test_code_that_may_reach_the_network_is_never_run_again(warm_sandbox: LocalSandbox) -> None:
    replies = code("x = 1"), "One.", code("x = 2"), "Two."
    async with keeping(warm_sandbox, *replies, checkpoints=0, networks=("none", "open")) as house:
        room = await a_room(house, Settings(network="open"))
        await room.send("One", files=[("data.csv", b"a,b")])
        await room.wait()
        await room.send("Two")
        await room.wait()
        assert await room.undo() == "lost"
        assert (await room.run_code("x")).error is not None
        assert [file.path for file in await room.files()] == ["data.csv"], "what the user gave is there"


async def test_a_fork_has_history_log_and_state_of_its_own(warm_sandbox: LocalSandbox) -> None:
    replies = code("x = 1"), "One.", code("x = 2"), "Two.", code("x += 10"), "Done."
    async with keeping(warm_sandbox, *replies) as house:
        room = await a_room(house)
        await room.send("One", files=[("data.csv", b"a,b")])
        await room.wait()
        await room.send("Two")
        await room.wait()
        chat = await room.fork(title="The other")
        other = await again(house, chat)
        assert (other.chat.title, other.woken) == ("The other", "saved")
        await other.send("Add")
        await other.wait()
        assert await value_of(other, "x, open('data.csv').read()") == "(12, 'a,b')"
        assert await value_of(room, "x") == "2"
        mine, theirs = await house.store.runs(room.chat.id), await house.store.runs(other.chat.id)
        assert [run.text for run in theirs] == ["One", "Two", "Add"]
        assert not {run.id for run in mine} & {run.id for run in theirs}
        assert theirs[1].parent == theirs[0].id
        ended = theirs[-1].trajectory
        assert ended is not None
        assert ended.parent == theirs[1].id
        assert (await events(house, chat))[0].event["text"] == "One"
        assert await other.undo() == "kept"
        assert await other.undo() == "replayed"
        assert await value_of(other, "x, open('data.csv').read()") == "(1, 'a,b')"


async def test_settings_that_need_another_session_take_the_variables_along(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 1"), "One.", "Hello.", networks=("none", "open")) as house:
        room = await a_room(house)
        await room.send("One")
        await room.wait()
        await room.change(settings=Settings(turns=3))
        assert room.course is not None
        assert room.course.living.conversation.setup.budget.turns == 3
        await room.change(settings=Settings(network="open", system="Be brief."), title="Networked")
        assert await value_of(room, "x") == "1"
        await room.send("Hello")
        ended = await room.wait()
        assert ended is not None
        assert ended.trajectory is not None
        assert "Be brief." in ended.trajectory.prompt[0].text
        assert room.chat.title == "Networked"
        assert await house.store.chat(room.chat.id, owner=ANNE) == room.chat


async def test_settings_that_are_not_offered_any_more_give_way(warm_sandbox: LocalSandbox) -> None:
    async with open_store("sqlite::memory:") as store:
        async with keeping(warm_sandbox, code("x = 1"), "One.", store=store, networks=("none", "open")) as house:
            room = await a_room(house, Settings(network="open", turns=3))
            await room.send("One")
            await room.wait()
        async with keeping(warm_sandbox, store=store) as house:
            room = await again(house, room.chat)
            assert room.chat.settings == Settings(turns=3)
            assert await value_of(room, "x") == "1"


async def test_a_chat_is_awake_in_one_house_at_most(warm_sandbox: LocalSandbox) -> None:
    async with open_store("sqlite::memory:") as store, keeping(warm_sandbox, store=store, replica="one") as house:
        room = await a_room(house)
        async with keeping(warm_sandbox, store=store, replica="two") as other:
            with pytest.raises(ConflictError, match="another process"):
                await again(other, room.chat)
            await room.sleep()
            there = await again(other, room.chat)
            assert there.course is not None
            with pytest.raises(ConflictError, match="another process"):
                await again(house, room.chat)


async def test_a_room_whose_lease_was_lost_gives_up(warm_sandbox: LocalSandbox) -> None:
    given = {"lease": 1.0, "beat": 0.05}
    busy = code("print('on', flush=True)\nimport time; time.sleep(600)")
    async with keeping(warm_sandbox, busy, replica="one", **given) as house:
        room = await a_room(house)
        await room.send("Sleep")
        await until(room, "output_chunk")
        while not await house.store.hold(room.chat.id, "two", seconds=600):
            await house.store.let_go(room.chat.id, "one")  # which may take it back before the other has it
        with anyio.fail_after(PATIENCE):
            while house.counts().awake:  # noqa: ASYNC110 -- nothing is told of it: the log is the other's now
                await anyio.sleep(0.02)
        assert room.course is None
        assert await house.store.holder(room.chat.id) == "two"
        assert (await house.store.runs(room.chat.id))[0].status == "running", "the other has to say how it ended"
        assert (await events(house, room.chat))[-1].event["kind"] == "output_chunk"


async def test_the_least_used_room_makes_place_for_another(warm_sandbox: LocalSandbox) -> None:
    busy = code("print('on', flush=True)\nimport time; time.sleep(600)")
    async with keeping(warm_sandbox, busy, busy, quotas=Quotas(own_rooms=2)) as house:
        first, second = await a_room(house), await a_room(house)
        third = await a_room(house)
        assert (first.course, house.counts().awake) == (None, 2)
        for room in (second, third):
            await room.send("Sleep")
            await until(room, "output_chunk")
        with pytest.raises(QuotaError, match="awake and busy") as refused:
            await again(house, first.chat)
        assert refused.value.again is not None
        for room in (second, third):
            await room.stop()


async def test_a_new_name_and_a_stop_wake_nobody(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        chat = await house.new_chat(ANNE)
        assert (await house.rename(chat.id, "A name", owner=ANNE)).title == "A name"
        await house.stop(chat.id, owner=ANNE)
        assert house.counts().woken == 0
        assert [one.event["kind"] for one in await events(house, chat)] == ["chat_changed"]
        assert await house.store.holder(chat.id) is None
        room = await again(house, chat)
        assert room.chat.title == "A name"
        assert (await house.rename(chat.id, "Another", owner=ANNE)).title == "Another"
        assert (room.chat.title, house.counts().woken) == ("Another", 1)
        for id, owner in ((chat.id, "bob"), ("none", ANNE)):
            with pytest.raises(NotFoundError):
                await house.rename(id, "Mine", owner=owner)
            with pytest.raises(NotFoundError):
                await house.stop(id, owner=owner)


async def test_what_is_awake_elsewhere_is_neither_renamed_nor_said_to_have_stopped(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        chat = await house.new_chat(ANNE)
        assert await house.store.hold(chat.id, "two")
        with pytest.raises(ConflictError):
            await house.rename(chat.id, "Mine", owner=ANNE)
        with pytest.raises(ConflictError):
            await house.stop(chat.id, owner=ANNE)
        assert await house.store.holder(chat.id) == "two"


async def test_drain_stops_what_is_left_and_puts_all_to_sleep(warm_sandbox: LocalSandbox) -> None:
    busy = code("x = 7\nprint('on', flush=True)\nimport time; time.sleep(600)")
    async with open_store("sqlite::memory:") as store:
        async with keeping(warm_sandbox, busy, store=store) as house:
            room = await a_room(house)
            await room.send("Sleep")
            await until(room, "output_chunk")
            await house.drain(seconds=0)
            assert house.counts().awake == 0
            with pytest.raises(QuotaError, match="restarted"):
                await again(house, room.chat)
            with pytest.raises(QuotaError, match="restarted"):
                await house.new_chat(ANNE)
        async with keeping(warm_sandbox, store=store) as house:
            room = await again(house, room.chat)
            assert (await house.store.runs(room.chat.id))[0].status == "cancelled"
            assert await value_of(room, "x") == "7"


class Choosy:
    """A sandbox that opens no session on the network."""

    def __init__(self, real: LocalSandbox) -> None:
        self._real = real

    @property
    def name(self) -> str:
        return self._real.name

    @property
    def offer(self) -> Offer:
        return self._real.offer

    def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AbstractAsyncContextManager[Session]:
        if network == "open":
            raise SandboxError("there is no network")
        return self._real.open(tools, limits=limits, network=network)


async def test_settings_that_no_session_can_be_had_with_cost_nothing(warm_sandbox: LocalSandbox) -> None:
    async with keeping(Choosy(warm_sandbox), code("x = 1"), "One.", networks=("none", "open")) as house:
        room = await a_room(house)
        await room.send("One")
        await room.wait()
        await room.run_code("y = 2; open('made', 'w').write('made')")
        with pytest.raises(SandboxError, match="no network"):
            await room.change(settings=Settings(network="open"))
        assert room.chat.settings == Settings()
        assert await value_of(room, "x, y, open('made').read()") == "(1, 2, 'made')"
        kept = await house.store.saved_session(room.chat.id)
        assert kept is not None, "also where this process had ended meanwhile"


async def test_hidden_files_wake_again(warm_sandbox: LocalSandbox) -> None:
    making = "import os; os.mkdir('.git'); open('.git/config', 'w').write('mine'); open('.env', 'w').write('x')"
    async with keeping(warm_sandbox) as house:
        room = await a_room(house)
        assert (await room.run_code(making)).error is None
        await room.sleep()
        room = await again(house, room.chat)
        assert await value_of(room, "open('.git/config').read() + open('.env').read()") == "'minex'"
        assert await room.files() == []


async def test_files_beyond_those_that_are_listed_are_named_as_missing(
    warm_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sleeping, "_MOST_LISTED", 3)
    async with keeping(warm_sandbox) as house:
        room = await a_room(house)
        await room.run_code("for n in range(3): open(str(n), 'w').close()")
        await room.sleep()
        assert set((await until(room, "slept")).event["skipped"]) == {"further files"}


def test_of_a_million_names_that_are_missing_some_are_told() -> None:
    skipped = {f"{number} {'x' * 1000}": "y" * 10_000 for number in range(1000)}
    told = sleeping.named(skipped)
    assert (len(told), told["more"]) == (201, "800 others")
    assert sum(map(len, told.values())) < 300_000
    assert sleeping.named({"lock": "cannot be saved"}) == {"lock": "cannot be saved"}


async def test_a_room_that_takes_long_to_save_keeps_no_other_user_from_waking(warm_sandbox: LocalSandbox) -> None:
    saving, go_on = anyio.Event(), anyio.Event()

    class Slow:
        def __init__(self, real: Store) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        async def save_session(self, saved: SavedSession) -> None:
            saving.set()
            await go_on.wait()
            await self._real.save_session(saved)

    async with open_store("sqlite::memory:") as real:
        slow = cast("Store", Slow(real))
        async with keeping(warm_sandbox, store=slow, quotas=Quotas(own_rooms=1)) as house:
            await a_room(house)
            other = await house.new_chat(ANNE)
            bobs = await house.new_chat("bob")
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(again, house, other)
                    await saving.wait()
                    assert (await house.room(bobs.id, owner="bob")).course is not None
                    go_on.set()
            assert house.counts().awake == 2


async def test_a_run_that_ends_after_its_lease_writes_nothing_over_another_process(warm_sandbox: LocalSandbox) -> None:
    busy = code("print('on', flush=True)\nimport time; time.sleep(600)")
    async with open_store("sqlite::memory:") as store, keeping(warm_sandbox, busy, store=store, beat=600) as house:
        room = await a_room(house)
        run = await room.send("Sleep")
        await until(room, "output_chunk")
        await store.let_go(room.chat.id, house.shared.replica)
        assert await store.hold(room.chat.id, "another", seconds=600)
        room.oversight.held -= 1000  # the machine was suspended
        await room.stop()
        assert room.telling.muted
        assert [one.status for one in await store.runs(room.chat.id)] == [run.status]
