"""Desks end when they are not used, and their number has a bound."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import psutil
import pytest

from codeact.errors import QuotaError, SandboxError, SessionClosedError, UnsupportedError, UsageError
from codeact.events import ignore
from codeact.sandbox.local import LocalSandbox
from codeact.server.mcp import Desks, McpSettings, open_desks
from codeact.server.mcp.desk import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def sandbox(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox(preload=(), spares=0) as sandbox:
        yield sandbox


async def value(desk: Desk, code: str) -> str | None:
    return (await desk.run(code, branch="main", time_limit=30, emit=ignore)).value


async def test_an_idle_desk_ends_and_its_client_is_told(sandbox: LocalSandbox) -> None:
    async with open_desks(sandbox, McpSettings(idle=0.05)) as desks:
        async with desks.of("one") as (desk, note):
            assert note == ""
            await value(desk, "import time; time.sleep(0.2); x = 1")  # it is in use
            assert await value(desk, "x") == "1"
        with anyio.fail_after(30):
            while desks.count:  # noqa: ASYNC110 -- it ends by itself, and tells nobody
                await anyio.sleep(0.01)
        async with desks.of("one") as (desk, note):
            assert note == "the interpreter had ended: it was not used for 0 seconds"
            assert await value(desk, "'x' in globals()") == "False"


async def test_there_are_not_more_desks_than_agreed(sandbox: LocalSandbox) -> None:
    async with open_desks(sandbox, McpSettings(desks=2)) as desks:
        async with desks.of("one"), desks.of("two"), desks.of("one"):
            with pytest.raises(QuotaError, match="2 clients have an interpreter"):
                async with desks.of("three"):
                    pass
        await desks.end("one")
        async with desks.of("three"):
            assert desks.count == 2


async def test_all_calls_of_a_client_at_once_get_one_desk(sandbox: LocalSandbox) -> None:
    found = list[Desk]()

    async def call() -> None:
        async with desks.of("one") as (desk, _):
            found.append(desk)

    async with open_desks(sandbox, McpSettings()) as desks:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(call)
        assert len(set(map(id, found))) == 1


async def test_a_session_that_was_ended_from_outside_gives_way_to_another() -> None:
    others = psutil.Process().children()  # such as the sandbox of the whole suite
    async with LocalSandbox(preload=(), spares=0) as sandbox, open_desks(sandbox, McpSettings()) as desks:
        async with desks.of("one") as (desk, _):
            await value(desk, "x = 1")
        for process in psutil.Process().children():
            if process not in others:
                process.kill()
        with pytest.raises(SandboxError):
            await again(desks, "")
        assert await again(desks, "the interpreter had ended: ") == "False"


async def again(desks: Desks, told: str) -> str | None:
    async with desks.of("one") as (desk, note):
        assert note.startswith(told)
        return await value(desk, "'x' in globals()")


async def test_what_was_too_much_to_copy_cannot_be_undone(sandbox: LocalSandbox) -> None:
    async with open_desks(sandbox, McpSettings()) as desks, desks.of("one") as (desk, _):
        await value(desk, "open('large', 'wb').write(bytes(65 << 20))")
        await value(desk, "x = 1")
        with pytest.raises(UnsupportedError, match="too many to be copied"):
            await desk.undo("main")
        await desk.undo("main")  # the writing
        assert [file.path for file in await desk.session().files()] == []
        with pytest.raises(UsageError, match="nothing to undo"):
            await desk.undo("main")


async def test_a_closed_session_says_so(sandbox: LocalSandbox) -> None:
    async with open_desks(sandbox, McpSettings()) as desks, desks.of("one") as (desk, _):
        await desks.end("one")
        with pytest.raises(SessionClosedError):
            await value(desk, "1")
