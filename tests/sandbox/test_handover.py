"""Work that is done in the task that came upon it, and what that task did meanwhile."""

from __future__ import annotations

from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from codeact.sandbox.handover import handing_over

pytestmark = pytest.mark.anyio

VARIABLE = ContextVar("VARIABLE", default="unset")


async def test_work_that_does_not_wait_is_not_handed_over() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    assert await handing_over(work(), lambda: done.append(2)) is False
    assert done == [1]


async def test_work_that_waits_goes_on_beside_who_takes_over() -> None:
    order: list[str] = []
    other = anyio.Event()

    async def work() -> None:
        with anyio.fail_after(10):  # a scope of this task, also after the first wait
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(other.wait)
                await other.wait()
                await anyio.lowlevel.checkpoint()
        order.append("work")

    async def taking_over() -> None:
        order.append("other")
        other.set()

    async with anyio.create_task_group() as tasks:
        assert await handing_over(work(), lambda: tasks.start_soon(taking_over)) is True
    assert order == ["other", "work"]


async def test_a_cancellation_reaches_the_work() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("work")

    with anyio.move_on_after(0.01) as scope:
        await handing_over(work(), lambda: None)
    assert (scope.cancelled_caught, ended) == (True, ["work"])


@pytest.mark.parametrize("waits", [False, True])
async def test_an_error_of_the_work_is_raised(waits: bool) -> None:
    async def work() -> None:
        if waits:
            await anyio.lowlevel.checkpoint()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await handing_over(work(), lambda: None)


async def test_the_work_has_a_context_of_its_own() -> None:
    async def work() -> None:
        VARIABLE.set("set")
        await anyio.lowlevel.checkpoint()
        assert VARIABLE.get() == "set"

    await handing_over(work(), lambda: None)
    assert VARIABLE.get() == "unset"
