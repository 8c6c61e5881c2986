"""What sockets say, over the real protocol: only of their own page, and no more than a person would."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import anyio
import httpx2
import pytest
from nicegui import background_tasks
from nicegui.client import Client

from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.nouns import Chat, Settings
from codeact.server.page import mounting
from codeact.server.page.regions import Live
from codeact.server.page.screen import Screen

from ..keeping import ANNE, PATIENCE, a_room, code, keeping, until  # noqa: TID252 (tests are no package with a name)
from .test_mounting import served

pytestmark = pytest.mark.anyio
SOCKET = "/_nicegui_ws/socket.io/"


@dataclass(frozen=True)
class Tab:
    """A page in somebody's browser, with its socket."""

    client: httpx2.AsyncClient
    owner: str
    page: str
    socket: str

    @staticmethod
    @asynccontextmanager
    async def open(client: httpx2.AsyncClient, owner: str) -> AsyncGenerator[Tab]:
        html = (await client.get("/", headers={"x-owner": owner})).text
        found = re.search(r"['\"]client_id['\"]: ['\"]([\w-]{36})", html)
        assert found is not None
        made = Tab(client, owner, found[1], "")
        shakes = {"implicit_handshake": "true", "tab_id": owner, "document_id": owner, "next_message_id": 0}
        opened = await client.get(SOCKET, params=made.query | shakes, headers={"x-owner": owner})
        made = Tab(client, owner, found[1], json.loads(opened.text[1:])["sid"])
        await made.post("40")
        yield made
        Client.instances[made.page].delete()
        telling = [task for task in background_tasks.running_tasks if task.get_name() == f"outbox loop {made.page}"]
        await asyncio.wait(telling)  # what it was about to be told must not be cut off by the end of the test

    @property
    def query(self) -> dict[str, Any]:
        begun = {"sid": self.socket} if self.socket else {}
        return {"EIO": 4, "transport": "polling", "client_id": self.page, **begun}

    async def post(self, packet: str) -> None:
        answer = await self.client.post(SOCKET, params=self.query, content=packet, headers={"x-owner": self.owner})
        assert answer.status_code == 200

    async def press(self, act: str, on: str, *, page: str = "", **fields: list[str]) -> None:
        """Tell of a button, or of a form with its fields; `page`: of another's."""
        there = page or self.page
        live = next(found for found in Client.instances[there].elements.values() if isinstance(found, Live))
        listener = next(iter(cast("Any", live)._event_listeners))  # as its browser was told
        said = {"id": live.id, "client_id": there, "listener_id": listener}
        said["args"] = [json.dumps({"act": act, "on": on, "fields": fields})]
        await self.post(f"42{json.dumps(['event', said])}")

    def shows(self, text: str) -> bool:
        return any(text in str(found.props.get("innerHTML")) for found in Client.instances[self.page].elements.values())

    async def until(self, text: str) -> None:
        with anyio.fail_after(PATIENCE):
            while not self.shows(text):  # noqa: ASYNC110 (the toolkit tells nobody)
                await anyio.sleep(0.01)


async def test_a_socket_speaks_for_its_own_page_alone(warm_sandbox: LocalSandbox) -> None:
    async with (
        keeping(warm_sandbox) as house,
        served(house, owner=None) as (_, client),
        Tab.open(client, ANNE) as anne,
        Tab.open(client, "bob") as bob,
    ):
        await bob.press("tab", "settings", page=anne.page)
        for packet in (
            '42["event",{"client_id":7}]',
            '42["event",null]',
            '42["ack",{}]',
            '42["log",{"level":"error"}]',
        ):
            await bob.post(packet)
        await bob.press("tab", "settings")
        await bob.until("Temperature")
        assert not anne.shows("Temperature"), "he knew the page's id, and that is not enough"
        await anne.press("tab", "settings")
        await anne.until("Temperature")


async def test_what_is_anothers_can_be_named_and_is_not_there(warm_sandbox: LocalSandbox) -> None:
    """Each act of the page that is on something, on something of another user's."""
    async with (
        keeping(warm_sandbox, "I keep Anne's secret.", code("1")) as house,
        served(house, owner=None) as (_, client),
        Tab.open(client, "bob") as bob,
    ):
        rate = mounting.place_of(Client.instances[bob.page].request.scope).rate
        rate.burst, rate.rate = 10_000, 10_000
        room = await a_room(house, Settings(approve=True))
        run = await room.send("Keep it", files=[("theirs.txt", b"Anne's secret")])
        await room.wait()
        share = await house.share(room.chat.id, owner=ANNE)
        await room.send("Ask")
        question = (await until(room, "approval_asked")).event["question"]
        mine = await house.new_chat("bob")
        before = await kept_of(house, room.chat)
        on = {"open": room.chat.id, "rename": room.chat.id, "delete": room.chat.id, "deleted": room.chat.id}
        on |= dict.fromkeys(("edit", "retry", "undo", "branch", "show", "tip"), run.id)
        on |= dict.fromkeys(("approve", "refuse", "reply"), question)
        on |= {"renamed": room.chat.id, "unshare": share.token, "preview": "theirs.txt", "remove": "theirs.txt"}
        await bob.press("open", mine.id)
        for act, what in on.items():
            await bob.press(act, what, title=["Bob's"], text=["Bob's"])
            for tab, shown in (("settings", "Temperature"), ("variables", "No variables yet")):
                await bob.press("tab", tab)  # it is shown when all before it is done
                await bob.until(shown)
                assert not bob.shows("secret"), act
        assert await kept_of(house, room.chat) == before
        assert room.running is not None, "she is asked still"
        await room.stop()


async def kept_of(house: House, chat: Chat) -> object:
    """All that somebody else's acts might change."""
    store = house.store
    runs = await store.runs(chat.id)
    return await store.chat(chat.id, owner=ANNE), runs, await store.shares(chat.id), await store.deeds(chat=chat.id)


async def test_a_page_does_no_more_in_a_second_than_people_do(warm_sandbox: LocalSandbox) -> None:
    async with (
        keeping(warm_sandbox) as house,
        served(house, owner=None) as (_, client),
        Tab.open(client, ANNE) as anne,
        Tab.open(client, "bob") as bob,
    ):
        rate = mounting.place_of(Client.instances[anne.page].request.scope).rate
        rate.burst, rate.rate = 3, 1e-9
        for _ in range(3):
            await anne.press("nothing", "")
        await anne.press("tab", "settings")
        await bob.press("tab", "settings")
        await bob.until("Temperature")
        assert not anne.shows("Temperature")


async def test_one_thing_follows_the_other_and_stopping_does_not_wait(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house:
        screen, done, free = Screen(house, ANNE, ""), list[str](), anyio.Event()

        async def long() -> None:
            done.append("begun")
            await free.wait()
            done.append("ended")

        async def short(name: str) -> None:
            done.append(name)

        async with anyio.create_task_group() as group:
            group.start_soon(screen.attempt, long)
            group.start_soon(screen.attempt, partial(short, "next"))
            await anyio.wait_all_tasks_blocked()
            await screen.at_once(partial(short, "stopped"))
            free.set()
        assert done == ["begun", "stopped", "ended", "next"]


async def test_a_user_has_only_so_many_pages(warm_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounting, "MOST_PAGES", 2)
    async with keeping(warm_sandbox) as house, served(house) as (_, client):
        answers = [await client.get("/") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (await client.get("/", headers={"x-owner": "bob"})).status_code == 200
        own = [page for page in Client.instances.values() if page.request.headers.get("x-owner") == ANNE]
        own[-1].delete()
        assert (await client.get("/")).status_code == 200
