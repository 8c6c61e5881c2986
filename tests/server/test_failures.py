"""What fails beside the agent: the store, the model, the session, the quotas."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import anyio
import pytest

from codeact.errors import QuotaError, StoreError, UsageError, WeightsError
from codeact.events import Emit, ignore
from codeact.models.scripted import ScriptedModel
from codeact.sandbox.base import Limits, MiB
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.session import BoxSession
from codeact.server.nouns import Settings
from codeact.server.settings import Quotas
from codeact.server.store import Store, open_store
from codeact.types import Completion, Message, ToolSpec

from .keeping import ANNE, PATIENCE, a_room, code, events, keeping, until, value_of

pytestmark = pytest.mark.anyio


class Silent:
    """A model that never answers."""

    name = "silent"

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        await anyio.sleep_forever()
        raise AssertionError


class Unsteady:
    """A store that is gone for as long as `gone` says."""

    def __init__(self, real: Store) -> None:
        self.gone = False
        self.failure: Exception = StoreError("the database is gone")
        self._real = real

    def __getattr__(self, name: str) -> Any:
        async def call(*args: object, **given: object) -> object:
            if self.gone:
                raise self.failure
            return await getattr(self._real, name)(*args, **given)

        return call


async def test_a_model_that_never_answers_ends_the_run(warm_sandbox: LocalSandbox) -> None:
    models = {"silent": lambda: contextlib.nullcontext(Silent())}
    async with keeping(warm_sandbox, models=models, reply_time=0.05) as house:
        room = await a_room(house)
        await room.send("Hello")
        ended = await room.wait()
        assert ended is not None
        assert ended.status == "error"
        told = (await events(house, room.chat))[-1].event
        assert told == {"kind": "run_ended", "status": "error", "message": "silent gave no reply within 0.05 s"}


async def test_a_model_that_cannot_be_opened_is_tried_again(warm_sandbox: LocalSandbox) -> None:
    tries = list[int]()

    @contextlib.asynccontextmanager
    async def opening() -> AsyncGenerator[ScriptedModel]:
        tries.append(1)
        if len(tries) == 1:
            raise WeightsError("the weights are missing")
        yield ScriptedModel(["Hello."])
        tries.append(2)  # it was closed in peace, and not cancelled

    async with keeping(warm_sandbox, models={"late": opening}) as house:
        room = await a_room(house)
        for status in ("error", "answered"):
            await room.send("Hello")
            ended = await room.wait()
            assert ended is not None
            assert ended.status == status
    assert tries == [1, 1, 2]


async def test_a_session_that_dies_is_opened_again_with_what_can_be_had(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 1"), "One.", code("x"), code("x"), "Still one.") as house:
        room = await a_room(house)
        await room.send("One")
        await room.wait()
        assert room.course is not None
        session = room.course.session
        assert isinstance(session, BoxSession)
        session.close()
        await room.send("What is x?")
        ended = await room.wait()
        assert ended is not None
        assert ended.status == "error"
        await room.send("What is x now?")
        ended = await room.wait()
        assert ended is not None
        assert (ended.status, await value_of(room, "x")) == ("answered", "1")


@pytest.mark.parametrize("moment", ["before the action", "before the end"])
async def test_a_store_that_fails_in_a_run_ends_it_and_the_room_goes_on(
    warm_sandbox: LocalSandbox, moment: str
) -> None:
    async with open_store("sqlite::memory:") as real:
        store: Any = Unsteady(real)

        def failing(text: str) -> Callable[[Sequence[Message]], str]:
            def reply(messages: Sequence[Message]) -> str:
                store.gone = True
                return text

            return reply

        first = [failing(code("x = 1"))] if moment == "before the action" else [code("x = 1"), failing("One.")]
        async with keeping(warm_sandbox, *first, code("y = 2"), "Two.", store=store) as house:
            room = await a_room(house)
            await room.send("One")
            with anyio.fail_after(PATIENCE):
                ended = await room.wait()
            assert ended is not None
            assert ended.status == ("error" if moment == "before the action" else "answered")
            with pytest.raises(StoreError):
                await room.send("Two")
            with pytest.raises(StoreError):
                await room.telling.flushed()
            assert room.running is None
            store.gone = False
            await room.send("Two")
            await room.wait()
            assert [run.status for run in await real.runs(room.chat.id)] == [ended.status, "answered"]
            assert await value_of(room, "y") == "2"
            told = await events(house, room.chat)
            assert [one.number for one in told] == list(range(1, len(told) + 1))
            ends = [one.event["status"] for one in told if one.event["kind"] == "run_ended"]
            assert ends == [ended.status, "answered"]


async def test_a_huge_number_in_an_event_ends_nothing(warm_sandbox: LocalSandbox) -> None:
    """No JSON can be written of 5,000 digits: it was the end of the house, with all its rooms."""

    def double(n: int) -> int:
        """Twice as much."""
        return 2 * n

    asking = f'{{"tool": "double", "arguments": {{"n": 0x{"f" * 4000}}}}}'
    async with keeping(warm_sandbox, asking, "Done.", tools={"double": double}) as house:
        room = await a_room(house, Settings(tools=("double",)))
        assert (await room.run_code("double(10**5000) > 0")).error is None
        await events(house, room.chat)
        other = await a_room(house, Settings(tools=("double",), actions="json"))
        await other.send("Call it")
        assert await other.wait() is not None
        assert (await events(house, other.chat))[-1].event["kind"] == "run_ended"
        assert await value_of(room, "1 + 1") == "2"


async def test_a_chat_in_which_anything_fails_is_no_other_chats_end(
    warm_sandbox: LocalSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store("sqlite::memory:") as real:
        store: Any = Unsteady(real)
        async with keeping(warm_sandbox, "Hello.", store=store, beat=0.02, lease=0.06) as house:
            room = await a_room(house)
            store.failure, store.gone = RuntimeError("nobody thought of it"), True
            with anyio.fail_after(PATIENCE):
                for what in ("holding the chat", "looking for interrupted runs"):
                    while what not in caplog.text:  # noqa: ASYNC110 -- a log has no event
                        await anyio.sleep(0.02)
            store.gone = False
            await room.send("Hello")
            ended = await room.wait()
            assert ended is not None
            assert ended.status == "answered"
            store.gone = True
            await house.drain(seconds=0)
            assert house.counts().awake == 0
            store.gone = False


async def test_a_store_that_is_gone_keeps_no_session_from_ending(warm_sandbox: LocalSandbox) -> None:
    async with open_store("sqlite::memory:") as real:
        store: Any = Unsteady(real)
        async with keeping(warm_sandbox, code("x = 1"), "One.", store=store) as house:
            room = await a_room(house)
            await room.send("One")
            await room.wait()
            store.gone = True
            await house.drain(seconds=0)
            assert house.counts().awake == 0


async def test_quotas_of_runs_chats_processor_time_and_files(warm_sandbox: LocalSandbox) -> None:
    quotas = Quotas(own_runs=1, own_chats=2, own_cpu=1000, upload=100)
    busy = code("print('on', flush=True)\nimport time; time.sleep(600)")
    async with keeping(warm_sandbox, busy, "Hello.", quotas=quotas) as house:
        first, second = await a_room(house), await a_room(house)
        with pytest.raises(QuotaError, match="2 chats"):
            await house.new_chat(ANNE)
        with pytest.raises(QuotaError, match="a file may have 100"):
            await first.put("large", bytes(101))
        await first.send("Sleep")
        await until(first, "output_chunk")
        with pytest.raises(QuotaError, match="1 runs at once, and you have them") as refused:
            await second.send("Hello")
        assert refused.value.again is not None
        await first.stop()
        await second.run_code("import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass")
        assert house.shared.ledger.cpu(ANNE) > 0
        house.shared.ledger.charge(ANNE, 1000)
        with pytest.raises(QuotaError, match="processor time"):
            await second.run_code("1")
        with pytest.raises(QuotaError, match="processor time") as refused:
            await second.send("Hello")
        assert refused.value.again is not None
        assert 0 < refused.value.again <= 3600


async def test_what_was_left_running_ends_with_the_hours_processor_time(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, beat=0.05) as house:
        room = await a_room(house)
        await room.run_code("import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()")
        house.shared.ledger.charge(ANNE, 3600)
        await until(room, "slept")
        with pytest.raises(QuotaError, match="processor time") as refused:  # waking may be code that runs again
            await house.room(room.chat.id, owner=ANNE)
        assert refused.value.again is not None
        await house.rename(room.chat.id, "Hot", owner=ANNE)  # what needs no interpreter can be done


async def test_code_that_runs_again_is_charged(warm_sandbox: LocalSandbox) -> None:
    spin = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    async with keeping(warm_sandbox, code(spin), "Done.") as house:
        room = await a_room(house)
        await room.send("Spin")
        await room.wait()
        used = house.shared.ledger.cpu(ANNE)
        assert used >= 0.2
        await room.close(save=False)
        await house.room(room.chat.id, owner=ANNE)
        assert room.woken == "replayed"
        assert house.shared.ledger.cpu(ANNE) >= used + 0.2


async def test_a_quota_of_disk_counts_uploads_and_sleeping_sessions(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, "Hello.", quotas=Quotas(own_disk=20_000)) as house:
        room = await a_room(house)
        await room.put("a", bytes(9000))
        with pytest.raises(QuotaError, match="20,000, and 12,000 more are asked for; delete one"):
            await room.put("b", bytes(12_000))
        await room.sleep()
        with pytest.raises(QuotaError, match="bytes of 20,000"):
            await room.put("b", b"x" * 9000)
        other = await house.new_chat("bob")
        await (await house.room(other.id, owner="bob")).put("b", bytes(9000))
        await house.delete_chat(room.chat.id, owner=ANNE)
        assert await house.store.used(ANNE) == 0


async def test_a_copy_counts_and_is_none_where_there_is_no_room_for_all_of_it(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, "Hello.", quotas=Quotas(own_disk=200_000)) as house:
        room = await a_room(house)
        await room.send("Hello", files=[("a", bytes(50_000))])
        await room.wait()
        await room.fork()
        used = await house.store.used(ANNE)
        assert used > 150_000  # what was given, twice; and the copy's saved state
        with pytest.raises(QuotaError, match="bytes of 200,000"):
            await room.fork()
        assert await house.store.used(ANNE) == used
        assert len(await house.store.chats(ANNE)) == 2


async def test_code_that_takes_all_memory_ends_by_itself_and_no_other_room(warm_sandbox: LocalSandbox) -> None:
    greedy = code("whole = bytearray(2 << 30)")
    limits = Limits(memory=512 * MiB, total_memory=768 * MiB, workspace=64 * MiB)
    async with keeping(warm_sandbox, greedy, "It is too large.", limits=limits) as house:
        room, other = await a_room(house), await a_room(house)
        await other.run_code("x = 1")
        await room.send("Take it")
        ended = await room.wait()
        assert ended is not None
        assert ended.status == "answered"
        finished = await until(room, "action_finished")
        assert finished.event["result"]["error"]["name"] == "MemoryError"
        assert await value_of(other, "x") == "1"


async def test_nothing_is_done_that_is_told_where_there_is_no_room_left(warm_sandbox: LocalSandbox) -> None:
    long = code("print('x' * 10_000)")
    async with keeping(warm_sandbox, long, "Done.", quotas=Quotas(own_disk=10_000)) as house:
        room = await a_room(house)
        await room.send("Print")
        await room.wait()
        await room.telling.flushed()
        for attempt in (room.undo(), room.reset(), room.run_code("1"), room.change(settings=Settings(turns=3))):
            with pytest.raises(QuotaError, match="bytes of 10,000"):
                await attempt
        await house.delete_chat(room.chat.id, owner=ANNE)
        assert await house.store.used(ANNE) == 0


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (Settings(model="openai:gpt"), "is not offered; there are scripted:script"),
        (Settings(tools=("pay",)), "is not offered; there are none"),
        (Settings(tools=("a", "a")), "named twice"),
        (Settings(network="open"), "is not offered; there are none"),
        (Settings(network="everything"), "everything"),
        (Settings(turns=0), "turns=0"),
        (Settings(turns=10_000), "turns=10000"),
        (Settings(temperature=float("nan")), "temperature=nan"),
        (Settings(memory=1 << 50), "memory="),
        (Settings(system="x" * 100_000), "system has 100,000"),
    ],
)
async def test_settings_that_are_not_offered_are_refused(
    warm_sandbox: LocalSandbox, settings: Settings, match: str
) -> None:
    async with keeping(warm_sandbox) as house:
        with pytest.raises(UsageError, match=match):
            await house.new_chat(ANNE, settings)
        with pytest.raises(UsageError, match=match):
            house.agent(settings)
