"""More chats than rooms: everybody is served in turn, and nothing is lost or left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

import anyio
import psutil
import pytest

from codeact.errors import QuotaError
from codeact.events import Emit, ignore
from codeact.models.scripted import ScriptedModel
from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.room import Room
from codeact.server.settings import HouseSettings, Quotas
from codeact.server.store import open_store
from codeact.types import Completion, Message, ToolSpec

from .keeping import ANNE, code

pytestmark = pytest.mark.anyio

CHATS, MESSAGES = 6, 2
T = TypeVar("T")


class Counting:
    """A model for any number of chats: counts in a variable, then answers."""

    name = "counting"

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
        acted = messages[-1].text.startswith("Observation")
        reply = "Counted." if acted else code("x = globals().get('x', 0) + 1; print(x)")
        return await ScriptedModel([reply]).complete(messages, tools=tools, stop=stop, emit=emit)


async def patiently(house: House, chat: str, act: Callable[[Room], Awaitable[T]]) -> T:
    """Do something in a room as soon as there is one."""
    while True:
        try:
            return await act(await house.room(chat, owner=ANNE))
        except QuotaError:
            await anyio.sleep(0.02)


async def answered(room: Room) -> bool:
    await room.send("Count")
    ended = await room.wait()
    return ended is not None and ended.status == "answered"


async def talk(house: House) -> str | None:
    """A whole chat; what it has counted."""
    chat = await house.new_chat(ANNE)
    for _ in range(MESSAGES):
        assert await patiently(house, chat.id, answered)
    return (await patiently(house, chat.id, lambda room: room.run_code("x"))).value


async def test_more_chats_than_rooms_lose_nothing_and_leave_nothing() -> None:
    models = {"counting": lambda: nullcontext(Counting())}
    quotas = Quotas(rooms=2, own_rooms=2, runs=2, own_runs=2)
    counted = list[str | None]()
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    async with open_store("sqlite::memory:") as store, LocalSandbox(preload=()) as place:
        async with House.open(store, HouseSettings(models=models, sandbox=place, quotas=quotas)) as house:

            async def one() -> None:
                counted.append(await talk(house))

            async with anyio.create_task_group() as tasks:
                for _ in range(CHATS):
                    tasks.start_soon(one)
            assert house.counts().slept > 0
        assert len(await store.chats(ANNE)) == CHATS
        assert not await store.running()
    assert counted == [str(MESSAGES)] * CHATS
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
