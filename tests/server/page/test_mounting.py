"""The page within an application: its policy, whom it is for, and that it answers nothing but its own addresses."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from nicegui.client import Client
from starlette.requests import HTTPConnection

from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.http.app import app as application
from codeact.server.http.settings import HttpSettings
from codeact.server.nouns import Share
from codeact.server.page.documents import Talks
from codeact.server.page.mounting import mount
from codeact.server.page.results.shelf import Shelf

from ..keeping import ANNE, a_room, code, keeping, until  # noqa: TID252 (tests are no package with a name)
from .harmless import Inspector

pytestmark = pytest.mark.anyio


def owner_of(asked: HTTPConnection) -> str | None:
    return asked.headers.get("x-owner") or None


@asynccontextmanager
async def served(
    house: House, owner: str | None = ANNE, shelf: Shelf | None = None
) -> AsyncGenerator[tuple[FastAPI, httpx2.AsyncClient]]:
    app = FastAPI()

    @app.get("/api")
    async def api() -> str:
        return "of the API"

    mount(app, house, owner_of, shelf)
    headers = {"x-owner": owner} if owner else {}
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client,
    ):
        yield app, client


async def test_a_page_runs_no_script_but_its_own(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house, served(house) as (_, client):
        policies: set[str] = set()
        for _ in range(2):
            page = await client.get("/")
            assert page.status_code == 200
            policy = page.headers["content-security-policy"]
            nonce = re.findall(r"script-src 'nonce-([\w-]{24})';", policy)
            assert len(nonce) == 1, policy
            assert "unsafe" not in policy
            for tag, attributes in Inspector(page.text).found:
                assert tag not in ("script", "style") or attributes["nonce"] == nonce[0], attributes
                assert "style" not in attributes, "the policy would refuse it"
                assert not any(name.startswith("on") for name in attributes)
            policies.add(policy)
        assert len(policies) == 2, "a nonce is used once"


async def test_a_page_asks_no_other_host_for_anything(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house, served(house) as (_, client):
        page = (await client.get("/")).text
        assert set(re.findall(r"https?://[^\s\"'<)]+", page)) <= {"http://127.0.0.1"}
        assert "tailwind" not in page


async def test_what_the_page_needs_is_served_and_kept(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house, served(house) as (_, client):
        page = (await client.get("/")).text
        parts = re.findall(r"\"(/[\w./-]+\.(?:js|mjs|css))\"", page)
        assert {part.rpartition("/")[2] for part in parts} >= {"shell.js", "live.js", "composer.js", "nicegui.js"}
        for part in parts:
            answer = await client.get(part)
            assert answer.status_code == 200, part
            assert "immutable" in answer.headers["cache-control"], part


async def test_nobody_gets_no_page(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house, served(house, owner=None) as (_, client):
        for path in ("/", "/c/anything", "/_nicegui_ws/socket.io/?client_id=x"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (403, "Please use the login link.")


async def test_a_chat_of_another_is_as_unknown_as_one_that_there_never_was(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, "The secret is 7.") as house:
        room = await a_room(house)
        await room.send("Tell me a secret.")
        await room.wait()
        async with served(house, owner="bob") as (_, client):
            for chat in (room.chat.id, "f" * 32):
                page = (await client.get(f"/c/{chat}")).text
                assert "There is no such conversation." in page
                assert "secret" not in page
        async with served(house) as (_, client):
            assert "The secret is 7." in (await client.get(f"/c/{room.chat.id}")).text


async def test_what_is_not_the_pages_is_the_apis(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house, served(house) as (_, client):
        before = len(Client.instances)
        assert (await client.get("/api")).json() == "of the API"
        for path in ("/nothing", "/c/", "/c/a/b", "/_nicegui/client/x/upload/1", "/_nicegui"):
            assert (await client.get(path)).status_code == 404, path
        assert len(Client.instances) == before, "an unknown address must not cost a page"


async def test_the_socket_of_anothers_page_is_refused(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox) as house, served(house) as (app, client):
        page = (await client.get("/")).text
        found = re.search(r"['\"]client_id['\"]: ['\"]([\w-]{36})", page)
        assert found is not None
        for owner in ("bob", None):
            assert await knocked(app, found[1], owner) == {"type": "websocket.close", "code": 1008}
        assert (
            await client.get("/_nicegui_ws/socket.io/", params={"EIO": 4, "transport": "polling"})
        ).status_code == 403
        own = await client.get(
            "/_nicegui_ws/socket.io/", params={"EIO": 4, "transport": "polling", "client_id": found[1]}
        )
        assert own.status_code == 200


async def knocked(app: FastAPI, page: str, owner: str | None) -> MutableMapping[str, Any]:
    """What a websocket for a page is answered first."""
    answers: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    headers = [(b"host", b"127.0.0.1"), *([(b"x-owner", owner.encode())] if owner else [])]
    query = f"EIO=4&transport=websocket&client_id={page}".encode()
    scope: dict[str, Any] = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "query_string": query}
    await app({**scope, "headers": headers, "root_path": "", "scheme": "ws", "subprotocols": []}, receive, send)
    return answers[0]


async def test_a_shared_chat_is_a_page_without_script_that_ends_where_it_was_shared(warm_sandbox: LocalSandbox) -> None:
    replies = (code("1 + 41", "I *add*."), "It is 42.", "Something later.")
    async with keeping(warm_sandbox, *replies) as house:
        room = await a_room(house)
        first = await room.send("How much is it?")
        await room.wait()
        await room.send("And a private matter?")
        await room.wait()
        share = Share(token="t" * 43, chat=room.chat.id, head=first.id, created=datetime.now(UTC))
        await house.store.add_share(share)
        async with served(house, owner=None) as (_, client):
            page = await client.get(f"/s/{share.token}")
            assert page.status_code == 200
            tags = [tag for tag, _ in Inspector(page.text).found]
            assert "script" not in tags
            assert "button" not in tags
            assert "script-src" not in page.headers["content-security-policy"]
            assert "default-src 'none'" in page.headers["content-security-policy"]
            for said in ("How much is it?", "I <em>add</em>.", "It is 42."):
                assert said in page.text
            assert "private" not in page.text
            assert "later" not in page.text
            await house.store.delete_share(share.token)
            assert (await client.get(f"/s/{share.token}")).status_code == 404


async def test_a_shared_chat_is_drawn_once_and_only_when_it_is_whole(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, code("import time; time.sleep(600)"), "Never said.") as house:
        room = await a_room(house)
        await room.send("Wait for it.")
        await until(room, "action_started")
        share, talks = await house.share(room.chat.id, owner=ANNE), Talks(house.store)
        assert "Running" in (await talks.page(share)).decode()
        await room.stop()
        await room.telling.flushed()
        page = await talks.page(share)
        assert "Stopped" in page.decode()
        assert await talks.page(share) is page
        await room.send("And later?")
        await room.wait()
        assert await talks.page(share) is page


async def test_a_shared_page_shows_its_figures_to_whoever_has_the_link(warm_sandbox: LocalSandbox) -> None:
    draws = "from IPython.display import Image, display\ndisplay(Image(data=b'a picture', format='png'))"
    async with keeping(warm_sandbox, code(draws), "There it is.") as house:
        room = await a_room(house)
        run = await room.send("Draw it.")
        await room.wait()
        await room.telling.flushed()
        await house.store.add_share(Share(token="t" * 43, chat=room.chat.id, head=run.id, created=datetime.now(UTC)))
        served_so = application(house, settings=HttpSettings(public=("/s/",)))
        mount(served_so, house, owner_of)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(served_so), base_url="http://127.0.0.1") as client:
            page = await client.get(f"/s/{'t' * 43}")
            pictures = [attributes["src"] for tag, attributes in Inspector(page.text).found if tag == "img"]
            assert len(pictures) == 1
            picture = await client.get(pictures[0] or "")
            assert (picture.status_code, picture.content) == (200, b"a picture")
