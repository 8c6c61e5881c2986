"""A chat that is awake: messages, stopping, its tree, its session, and what is told of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import anyio
import pytest

from codeact.errors import ConflictError, NotFoundError, TransferError, UsageError
from codeact.models.scripted import ScriptedModel
from codeact.sandbox.base import Limits, MiB
from codeact.sandbox.local import LocalSandbox
from codeact.server.nouns import Chat, Settings
from codeact.server.store import Store, open_store
from codeact.trajectory.history import messages_of
from codeact.types import ExecResult

from .keeping import ANNE, PATIENCE, a_room, code, events, keeping, until, value_of

pytestmark = pytest.mark.anyio


async def test_a_message_is_answered_and_all_of_it_is_in_the_store(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 20 + 1\nprint(x)"), "It is 21.") as house:
        room = await a_room(house)
        begun = await room.send("What is\n20 + 1?")
        assert (begun.status, begun.parent, room.chat.head) == ("running", None, begun.id)
        ended = await room.wait()
        assert ended is not None
        assert (ended.id, ended.status) == (begun.id, "answered")
        assert ended.trajectory is not None
        assert ended.trajectory.id == begun.id
        assert await house.store.runs(room.chat.id) == [ended]
        assert room.chat.title == "What is"
        assert room.running is None
        told = await events(house, room.chat)
        kinds = [one.event["kind"] for one in told]
        assert kinds[0] == "run_begun"
        assert kinds[-1] == "run_ended"
        assert kinds.count("text_delta") < 5, "pieces that come together are one row"
        assert {"turn_started", "action_started", "output_chunk", "action_finished", "answered"} <= set(kinds)
        assert [one.number for one in told] == list(range(1, len(told) + 1))
        assert {one.run for one in told} == {begun.id}


async def test_the_next_message_finds_talk_and_variables(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 21"), "Done.", code("x * 2"), "42.") as house:
        room = await a_room(house)
        first = await room.send("Let x be 21.")
        await room.wait()
        second = await room.send("Double it.")
        ended = await room.wait()
        assert second.parent == first.id
        assert ended is not None
        assert ended.trajectory is not None
        assert ended.trajectory.parent == first.id
        said = [message.text for message in messages_of(ended.trajectory)]
        assert "Let x be 21." in said
        assert any("42" in text for text in said)


async def test_of_two_messages_at_once_one_wins(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, "One.", "Two.") as house:
        room = await a_room(house)
        outcomes = list[str]()

        async def send() -> None:
            try:
                await room.send("Hello")
                outcomes.append("won")
            except ConflictError:
                outcomes.append("lost")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            tasks.start_soon(send)
        await room.wait()
        assert sorted(outcomes) == ["lost", "won"]
        assert len(await house.store.runs(room.chat.id)) == 1


async def test_stop_ends_an_action_and_keeps_variables(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 5\nprint('on', flush=True)\nimport time; time.sleep(600)")) as house:
        room = await a_room(house)
        await room.send("Sleep.")
        await until(room, "output_chunk")
        await room.stop()
        ended = await room.wait()
        assert ended is not None
        assert ended.status == "cancelled"
        assert ended.trajectory is not None
        assert len(ended.trajectory.steps) == 1, "what the action had done is a step"
        assert await value_of(room, "x") == "5"
        assert (await events(house, room.chat))[-1].run is None


async def test_undo_branch_and_return(warm_sandbox: LocalSandbox) -> None:
    replies = code("x = 1"), "One.", code("x = 2; open('two', 'w').close()"), "Two.", code("x = 3"), "Three."
    async with keeping(warm_sandbox, *replies) as house:
        room = await a_room(house)
        first = await room.send("One")
        await room.wait()
        second = await room.send("Two")
        await room.wait()
        assert await room.undo() == "kept"
        assert room.chat.head == first.id
        assert await value_of(room, "x") == "1"
        assert await room.files() == []
        third = await room.send("Three")
        await room.wait()
        assert third.parent == first.id
        assert await value_of(room, "x") == "3"
        assert await room.move_to(second.id) == "kept"
        assert await value_of(room, "x") == "2"
        assert [file.path for file in await room.files()] == ["two"]
        assert await room.move_to(third.id) == "kept"
        assert await value_of(room, "x") == "3"
        assert await room.move_to(None) == "kept"
        assert (await room.run_code("x")).error is not None
        moved = [one.event for one in await events(house, room.chat) if one.event["kind"] == "head_moved"]
        assert [(event["to"], event["state"]) for event in moved] == [
            (first.id, "kept"),
            (second.id, "kept"),
            (third.id, "kept"),
            (None, "kept"),
        ]
        with pytest.raises(UsageError, match="nothing to undo"):
            await room.undo()
        with pytest.raises(NotFoundError):
            await room.move_to("nothing")


async def test_without_a_checkpoint_the_code_runs_again_but_no_tool(warm_sandbox: LocalSandbox) -> None:
    calls = list[int]()

    def draw() -> int:
        """Draw a number."""
        calls.append(1)
        return 40 + len(calls)

    replies = code("x = draw()\nname = input('Who? ')"), "Drawn.", code("x = 0"), "Zero.", code("x = 9"), "Nine."
    async with keeping(warm_sandbox, *replies, checkpoints=0, tools={"draw": draw}) as house:
        room = await a_room(house, Settings(tools=("draw",)))
        first = await room.send("Draw", files=[("data.csv", b"a,b")])
        asked = await until(room, "question_asked")
        await room.reply(asked.event["question"], "Ada")
        await room.wait()
        await room.send("Zero")
        await room.wait()
        assert await room.undo() == "replayed"
        assert room.chat.head == first.id
        assert await value_of(room, "x, name, open('data.csv').read()") == "(41, 'Ada', 'a,b')"
        assert calls == [1]
        await room.send("Nine")
        ended = await room.wait()
        assert ended is not None
        assert ended.trajectory is not None
        assert "Python was restarted" in ended.trajectory.prompt[-1].text
        assert ended.trajectory.task == "Nine"


async def test_large_files_leave_room_for_the_newest_states(warm_sandbox: LocalSandbox) -> None:
    writing = [code(f"x = {n}; _ = open('large', 'wb').write(bytes([{n}]) * 1_500_000)") for n in range(4)]
    replies = [text for each in writing for text in (each, "Written.")]
    limits = Limits(workspace=2 * MiB)  # copies of files have room for two such workspaces
    async with keeping(warm_sandbox, *replies, limits=limits) as house:
        room = await a_room(house)
        for _ in writing:
            await room.send("Write")
            await room.wait()
        assert [await room.undo() for _ in range(3)] == ["kept", "replayed", "replayed"]
        assert await value_of(room, "x, open('large', 'rb').read(1)") == "(0, b'\\x00')"


async def test_retry_and_edit_are_siblings_from_the_state_before(warm_sandbox: LocalSandbox) -> None:
    replies = code("x = 1"), "One.", code("x += 1"), "Two.", code("x += 10"), "Eleven.", code("x += 100"), "Many."
    async with keeping(warm_sandbox, *replies) as house:
        room = await a_room(house)
        await room.send("One")
        await room.wait()
        second = await room.send("Add", files=[("note.txt", b"hello")])
        await room.wait()
        third = await room.retry(second.id)
        await room.wait()
        assert (third.parent, third.text, third.files) == (second.parent, "Add", ("note.txt",))
        assert await value_of(room, "x, open('note.txt').read()") == "(11, 'hello')"
        fourth = await room.edit(second.id, "Add more")
        await room.wait()
        assert (fourth.parent, fourth.text) == (second.parent, "Add more")
        assert await value_of(room, "x") == "101"
        assert [run.parent for run in await house.store.runs(room.chat.id)] == [
            None,
            second.parent,
            second.parent,
            second.parent,
        ]


async def test_files_variables_cells_and_reset(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, "Hello.") as house:
        room = await a_room(house)
        await room.put("data/a.txt", b"abc")
        assert [(file.path, file.size) for file in await room.files()] == [("data/a.txt", 3)]
        assert await room.get("data/a.txt") == b"abc"
        assert await value_of(room, "text = open('data/a.txt').read(); text") == "'abc'"
        assert [variable.name for variable in await room.variables()] == ["text"]
        await room.remove("data/a.txt")
        assert await room.files() == []
        with pytest.raises(NotFoundError):
            await room.remove("../../etc/passwd")
        await value_of(room, "import os; os.makedirs('.codeact', exist_ok=True)")
        await value_of(room, "print(1, file=open('theirs', 'w')); print(1, file=open('.codeact/ours', 'w'))")
        await value_of(room, "os.unlink = lambda path: None")
        assert [file.path for file in await room.files()] == ["theirs"]
        with pytest.raises(TransferError, match="cannot be removed"):
            await room.remove("theirs")
        await room.reset()
        assert await room.variables() == []
        deeds = [deed.what for deed in await house.store.deeds(owner=ANNE)]
        assert deeds == ["reset", "cell", "cell", "cell", "remove", "cell", "upload", "create"]


async def test_whatever_is_done_to_a_chat_is_in_the_audit_log(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, "One.", "Two.", "Three.") as house:
        room = await a_room(house, Settings(approve=True))
        first = await room.send("Say one")
        await room.wait()
        await room.retry(first.id)
        await room.wait()
        await room.edit(first.id, "Say three")
        await room.wait()
        await room.move_to(first.id)
        await room.undo()
        copy = await room.fork()
        await room.change(settings=Settings(approve=False, system="Be brief."))
        await room.change(title="Numbers")
        share = await house.share(room.chat.id, owner=ANNE, run=first.id)
        await house.unshare(room.chat.id, share.token, owner=ANNE)
        deeds = [*reversed(await house.store.deeds(chat=room.chat.id))]
        whats = "create message retry message edit message move move fork settings rename share unshare"
        assert [deed.what for deed in deeds] == whats.split()
        details = {deed.what: deed.detail for deed in deeds}
        assert details["settings"] == {"approve": False, "system": "Be brief."}
        assert (details["move"], details["fork"]) == ({"to": None}, {"copy": copy.id})
        assert share.token not in str(deeds)


async def test_stop_interrupts_a_cell_too(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        room = await a_room(house)
        results = list[ExecResult]()

        async def run() -> None:
            results.append(await room.run_code("x = 1\nprint('on', flush=True)\nimport time; time.sleep(600)"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await until(room, "output_chunk")
            await room.stop()
        (result,) = results
        assert result.error is not None
        assert (result.error.kind, result.state) == ("interrupted", "kept")
        assert await value_of(room, "x") == "1"


async def test_deleting_a_chat_ends_its_run_and_its_listeners(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("print('on', flush=True)\nimport time; time.sleep(600)")) as house:
        room = await a_room(house)
        await room.send("Sleep")
        kinds = list[str]()
        async with room.telling.listen() as told:
            with anyio.fail_after(PATIENCE):
                async for one in told:
                    kinds.append(one.event["kind"])
                    if kinds[-1] == "output_chunk":
                        await house.delete_chat(room.chat.id, owner=ANNE)
        assert kinds[-1] in ("output_chunk", "action_finished", "observed", "finished", "run_ended")
        assert (house.counts().awake, house.counts().listeners) == (0, 0)
        assert await house.store.told(room.chat.id) == []


async def test_a_figure_is_told_by_reference(warm_sandbox: LocalSandbox) -> None:
    drawing = "from IPython.display import Image, display\ndisplay(Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + bytes(99)))"
    async with keeping(warm_sandbox, code(drawing), "Drawn.") as house:
        room = await a_room(house)
        await room.send("Draw")
        await room.wait()
        shown = await until(room, "display_shown")
        reference = shown.event["display"]["data"]["image/png"]
        kept = await house.store.media(room.chat.id, reference["media"])
        assert kept is not None
        assert (kept[0], len(kept[1])) == ("image/png", reference["size"])


async def test_anothers_chat_is_not_there(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        room = await a_room(house)
        with pytest.raises(NotFoundError):
            await house.room(room.chat.id, owner="bob")
        with pytest.raises(NotFoundError):
            await house.delete_chat(room.chat.id, owner="bob")
        await house.delete_chat(room.chat.id, owner=ANNE)
        with pytest.raises(NotFoundError):
            await house.room(room.chat.id, owner=ANNE)


@dataclass
class Warm(ScriptedModel):
    """A scripted model that can be had at a temperature, which it says."""

    def at(self, temperature: float) -> ScriptedModel:
        return ScriptedModel([f"It is {temperature} degrees."] * 2)


async def test_rooms_share_a_model_at_temperatures_of_their_own(warm_sandbox: LocalSandbox) -> None:
    opened = list[int]()

    @contextlib.asynccontextmanager
    async def opening() -> AsyncGenerator[ScriptedModel]:
        opened.append(1)
        yield Warm(["It is warm."])

    async with keeping(warm_sandbox, models={"warm": opening}) as house:
        for settings, text in ((Settings(), "It is warm."), (Settings(temperature=0.5), "It is 0.5 degrees.")):
            room = await a_room(house, settings)
            await room.send("How warm is it?")
            ended = await room.wait()
            assert ended is not None
            assert ended.trajectory is not None
            assert ended.trajectory.steps[0].completion.text == text
        assert opened == [1]


async def test_a_file_that_is_put_during_a_run_is_given_to_the_next(warm_sandbox: LocalSandbox) -> None:
    busy = code("print('on', flush=True)\nimport time; time.sleep(600)")
    async with keeping(warm_sandbox, busy, "Hello.") as house:
        room = await a_room(house)
        await room.send("Sleep")
        await until(room, "output_chunk")
        await room.put("late.csv", b"a,b")
        await room.stop()
        await room.send("What is there?")
        ended = await room.wait()
        assert ended is not None
        assert ended.trajectory is not None
        assert [file["path"] for file in ended.trajectory.agent["files"]] == ["late.csv"]


async def test_a_file_that_was_put_goes_with_the_next_message_and_is_written_once(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("print(open('a.txt').read())"), "Read.", "Again.") as house:
        room = await a_room(house)
        for data in (b"first", b"second"):
            await room.put("a.txt", data)
        await room.put("b.txt", b"unwanted")
        await room.remove("b.txt")
        assert set(room.given) == {"a.txt"}
        first = await room.send("Read it")
        ended = await room.wait()
        assert first.files == ("a.txt",)
        assert ended is not None
        assert ended.trajectory is not None
        assert ended.trajectory.prompt[-1].text == "Read it\n\nFiles in the working directory: a.txt (6 bytes)"
        assert ended.trajectory.steps[0].result is not None
        begun = next(told for told in await events(house, room.chat) if told.event["kind"] == "run_begun")
        assert [(file["path"], file["size"]) for file in begun.event["files"]] == [("a.txt", 6)]
        deeds = [deed.detail["path"] for deed in await house.store.deeds(owner=ANNE) if deed.what == "upload"]
        assert sorted(deeds) == ["a.txt", "a.txt", "b.txt"], "as often as it was given, and not once more"
        assert (await room.send("And now?")).files == ()
        await room.wait()


async def test_a_new_name_undoes_no_message_that_is_sent_meanwhile(warm_sandbox: LocalSandbox) -> None:
    writing, go_on = anyio.Event(), anyio.Event()

    class Slow:
        def __init__(self, real: Store) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        async def change_chat(self, chat: Chat) -> None:
            if chat.title == "Renamed" and not writing.is_set():
                writing.set()
                await go_on.wait()
            await self._real.change_chat(chat)

    async with (
        open_store("sqlite::memory:") as real,
        keeping(warm_sandbox, "Hello.", store=cast("Store", Slow(real))) as house,
    ):
        room = await a_room(house)
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as renaming:
            renaming.start_soon(partial(room.change, title="Renamed"))
            await writing.wait()
            tasks.start_soon(room.send, "Hello")
            while room.running is None and not await real.runs(room.chat.id):  # noqa: ASYNC110 -- of a store
                await anyio.sleep(0.01)
            go_on.set()
        await room.wait()
        kept = await real.chat(room.chat.id, owner=ANNE)
        assert kept is not None
        assert kept == room.chat
        assert (kept.title, kept.head is None) == ("Renamed", False)
