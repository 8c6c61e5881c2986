"""Approvals and questions: asked, settled, timed out, withdrawn."""

from __future__ import annotations

import anyio
import pytest

from codeact import tool
from codeact.errors import ConflictError, NotFoundError
from codeact.sandbox.local import LocalSandbox
from codeact.server.nouns import Settings
from codeact.types import ExecResult

from .keeping import ANNE, a_room, code, events, keeping, until, value_of

pytestmark = pytest.mark.anyio

APPROVE = Settings(approve=True)


async def test_an_action_waits_for_approval(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 1"), code("x = 2"), "Done.") as house:
        room = await a_room(house, APPROVE)
        run = await room.send("Do")
        asked = await until(room, "approval_asked")
        assert asked.run == run.id
        assert asked.event["subject"] == {"kind": "code", "code": "x = 1"}
        with pytest.raises(ConflictError):
            await room.reply(asked.event["question"], "yes")
        await room.decide(asked.event["question"], True)
        with pytest.raises(NotFoundError):
            await room.decide(asked.event["question"], False)
        second = await until(room, "approval_asked", after=asked.number)
        assert house.counts().asked == 1
        await room.decide(second.event["question"], False, reason="not twice")
        ended = await room.wait()
        assert ended is not None
        assert ended.trajectory is not None
        refused = ended.trajectory.steps[1].result
        assert isinstance(refused, ExecResult)
        assert refused.error is not None
        assert refused.error.message == "not run: refused by the user: not twice"
        assert await value_of(room, "x") == "1"
        settled = [
            one.event["how"] for one in await events(house, room.chat) if one.event["kind"] == "question_settled"
        ]
        assert settled == ["approved", "refused"]
        deeds = [deed.what for deed in await house.store.deeds(owner=ANNE)]
        assert sorted(deeds[:4]) == ["action", "approve", "cell", "refuse"]
        assert deeds[4:] == ["message", "create"]


async def test_what_nobody_decides_is_refused(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 1"), "Done.", answer_time=0.05) as house:
        room = await a_room(house, APPROVE)
        await room.send("Do")
        ended = await room.wait()
        assert ended is not None
        assert ended.trajectory is not None
        result = ended.trajectory.steps[0].result
        assert isinstance(result, ExecResult)
        assert result.error is not None
        assert "nobody decided within" in result.error.message
        assert (await until(room, "question_settled")).event["how"] == "timed_out"


async def test_stopping_withdraws_what_is_asked(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("x = 1")) as house:
        room = await a_room(house, APPROVE)
        await room.send("Do")
        asked = await until(room, "approval_asked")
        await room.stop()
        assert (await until(room, "question_settled")).event["how"] == "withdrawn"
        with pytest.raises(NotFoundError):
            await room.decide(asked.event["question"], True)
        assert house.counts().asked == 0


async def test_code_asks_and_may_be_refused_an_answer(warm_sandbox: LocalSandbox) -> None:
    asking = "try:\n    input('Name? ')\nexcept EOFError:\n    print('nobody')\nimport getpass; key = getpass.getpass()"
    async with keeping(warm_sandbox, code(asking), "Done.") as house:
        room = await a_room(house)
        await room.send("Ask")
        asked = await until(room, "question_asked")
        assert (asked.event["prompt"], asked.event["secret"]) == ("Name? ", False)
        with pytest.raises(ConflictError):
            await room.decide(asked.event["question"], True)
        await room.reply(asked.event["question"], None)
        second = await until(room, "question_asked", after=asked.number)
        assert second.event["secret"]
        await room.reply(second.event["question"], "hunter2")
        await room.wait()
        assert await value_of(room, "key") == "'hunter2'"
        log = str([one.event for one in (await events(house, room.chat))[: second.number + 5]])
        assert "hunter2" not in log


async def test_a_tool_that_needs_approval_asks_in_cells_too(warm_sandbox: LocalSandbox) -> None:
    @tool(needs_approval=True)
    def pay(amount: float) -> str:
        """Pay an amount."""
        return f"paid {amount}"

    async with keeping(warm_sandbox, tools={"pay": pay}) as house:
        room = await a_room(house, Settings(tools=("pay",)))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(value_of, room, "paid = pay(5)")
            asked = await until(room, "approval_asked")
            assert (asked.run, asked.event["subject"]["name"]) == (None, "pay")
            with pytest.raises(ConflictError, match="a cell is running"):
                await room.send("Hello")
            await room.decide(asked.event["question"], True)
        assert await value_of(room, "paid") == "'paid 5.0'"
