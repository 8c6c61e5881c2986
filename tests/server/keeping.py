"""What tests of the house need: a scripted model in it, and ways to wait for what happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import anyio

from codeact.models.scripted import ScriptedModel, ScriptedReply
from codeact.sandbox.base import Sandbox
from codeact.server.house import House
from codeact.server.nouns import Chat, Settings, Told
from codeact.server.room import Room
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store
from codeact.server.store.base import Store

ANNE = "anne"
PATIENCE = 30.0  # seconds; for slow machines, never waited for otherwise


def code(source: str, thought: str = "") -> str:
    return f"{thought}\n```python\n{source}\n```"


def scripted(*replies: ScriptedReply, pace: float = 0.0) -> dict[str, Callable[[], AbstractAsyncContextManager[Any]]]:
    model = ScriptedModel(replies, pace=pace)
    return {"scripted:script": lambda: nullcontext(model)}


@asynccontextmanager
async def keeping(
    place: Sandbox, *replies: ScriptedReply, store: Store | None = None, pace: float = 0.0, **given: Any
) -> AsyncGenerator[House]:
    """A house on a scripted model, with a store in memory unless one is given."""
    settings = HouseSettings(sandbox=place, **{"models": scripted(*replies, pace=pace), **given})
    opening = nullcontext(store) if store else open_store("sqlite::memory:")
    async with opening as kept, House.open(kept, settings) as house:
        yield house


async def a_room(house: House, settings: Settings | None = None) -> Room:
    chat = await house.new_chat(ANNE, settings)
    return await house.room(chat.id, owner=ANNE)


async def again(house: House, chat: Chat) -> Room:
    return await house.room(chat.id, owner=ANNE)


async def events(house: House, chat: Chat) -> list[Told]:
    await house.shared.telling(chat.id).flushed()
    return list(await house.store.told(chat.id))


async def until(room: Room, kind: str, *, after: int = 0) -> Told:
    """The first event of a kind with a higher number, told already or to come."""
    with anyio.fail_after(PATIENCE):
        async with room.telling.listen(after=after) as told:
            async for one in told:
                if one.event["kind"] == kind:
                    return one
    raise AssertionError(f"the log ended before {kind!r}")


async def value_of(room: Room, source: str) -> str | None:
    result = await room.run_code(source)
    assert result.error is None, result.error
    return result.value
