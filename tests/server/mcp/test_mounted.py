"""MCP beside the service: the official client at `/mcp` of the application as it is served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field

import anyio
import httpx2
import pytest
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from codeact.models.scripted import ScriptedModel
from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.http.credentials import digest
from codeact.server.http.neighbours import whole
from codeact.server.http.settings import HttpSettings
from codeact.server.settings import HouseSettings, Quotas
from codeact.server.store import open_store

from ..loopback import on_loopback  # noqa: TID252 (tests are no package with a name)
from .connecting import run, shown, text
from .test_http import INITIALIZE, JSON

pytestmark = pytest.mark.anyio

TOKENS = {"cat_" + "a" * 40: "ann", "cat_" + "b" * 40: "bob"}
OF = {owner: token for token, owner in TOKENS.items()}


@dataclass(frozen=True, slots=True)
class Place:
    url: str
    house: House
    application: FastAPI
    headers: dict[str, dict[str, str]] = field(
        default_factory=lambda: {owner: {"authorization": f"Bearer {token}"} for owner, token in OF.items()}
    )

    @asynccontextmanager
    async def client(self, owner: str) -> AsyncIterator[Client]:
        timeout = httpx2.Timeout(60.0, read=None)
        async with (
            httpx2.AsyncClient(headers=self.headers[owner], timeout=timeout) as http,
            Client(streamable_http_client(f"{self.url}/mcp", http_client=http)) as client,
        ):
            yield client

    async def post(self, owner: str | None, body: object, **headers: str) -> httpx2.Response:
        given = {**(self.headers[owner] if owner else {}), **JSON, **headers}
        named = {name.replace("_", "-"): value for name, value in given.items()}
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
            return await http.post(f"{self.url}/mcp", json=body, headers=named)

    async def deeds(self) -> list[str]:
        found = [deed for deed in await self.house.store.deeds(owner="ann") if deed.detail.get("through") == "mcp"]
        return [str(deed.detail["code"]) for deed in found]


Serve = Callable[..., AbstractAsyncContextManager[Place]]


@pytest.fixture
def serve(warm_sandbox: LocalSandbox) -> Serve:
    @asynccontextmanager
    async def serving(**quotas: float) -> AsyncIterator[Place]:
        settings = HouseSettings(
            models={"scripted:none": lambda: nullcontext(ScriptedModel([]))},
            sandbox=warm_sandbox,
            quotas=Quotas(**quotas),
            beat=0.2,
        )
        async with open_store("sqlite::memory:") as store, House.open(store, settings) as house:
            tokens = {digest(token): owner for token, owner in TOKENS.items()}
            made = whole(house, settings=HttpSettings(rate=1000.0, burst=10_000), tokens=tokens)
            async with on_loopback(made) as url:
                yield Place(url, house, made)

    return serving


async def test_a_client_has_its_python_and_its_user_the_account(serve: Serve) -> None:
    async with serve() as place, place.client("ann") as one, place.client("ann") as other, place.client("bob") as bob:
        await run(one, "secret = 21")
        assert await shown(one, "2 * secret") == "Out: 42"
        for another in (other, bob):
            assert "NameError" in await shown(another, "secret")
        await one.call_tool("undo", {})
        assert await shown(one, "secret") == "Out: 21"
        assert await place.deeds() == ["secret", "", "secret", "2 * secret", "secret = 21"]
        ledger = place.house.shared.ledger
        before = [ledger.cpu(owner) for owner in OF]
        await run(one, "import time\nbegun = time.process_time()\nwhile time.process_time() < begun + 1: pass")
        ann, bob = (ledger.cpu(owner) - earlier for owner, earlier in zip(OF, before, strict=True))
        assert ann > 0.8
        assert bob < 0.2, "it did nothing meanwhile"


async def test_a_session_is_its_users(serve: Serve) -> None:
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    async with serve() as place:
        assert (await place.post(None, INITIALIZE)).status_code == 401
        assert (await place.post("ann", INITIALIZE, host="evil.example")).status_code == 403
        opened = await place.post("ann", INITIALIZE)
        session = opened.headers["mcp-session-id"]
        assert (await place.post("ann", call, mcp_session_id=session)).status_code == 200
        theirs = await place.post("bob", call, mcp_session_id=session)
        never = await place.post("bob", call, mcp_session_id="0" * 32)
        assert (theirs.status_code, theirs.text) == (404, never.text)
        assert opened.headers["content-security-policy"].startswith("default-src 'none'")
        assert (await place.post("ann", {**INITIALIZE, "more": "x" * 17_000_000})).status_code == 413


async def after_two_beats(place: Place) -> float:
    await anyio.sleep(2.5 * place.house.settings.beat)
    return place.house.shared.ledger.cpu("ann")


async def test_what_a_user_may_have_holds_here_too(serve: Serve) -> None:
    async with serve(own_containers=1, own_runs=1) as place, place.client("ann") as one, place.client("ann") as other:
        await run(one, "1")
        refused = await run(other, "1")
        assert refused.is_error
        assert "which is the most" in text(refused)
        with place.house.shared.run_without_room("ann"):
            assert "a user may have 1 runs at once" in text(await run(one, "1"))
        place.house.shared.ledger.charge("ann", 10_000.0)
        assert "processor time" in text(await run(one, "1"))


async def test_what_is_left_running_ends_with_the_hours_processor_time(serve: Serve) -> None:
    stray = "import subprocess\nstray = subprocess.Popen(['sh', '-c', 'while :; do :; done'])"
    async with serve(own_cpu=1.5) as place, place.client("ann") as client:
        await run(client, stray)
        counted = place.house.shared.ledger
        with anyio.fail_after(60):
            while not counted.spent("ann"):  # noqa: ASYNC110 -- nobody tells
                await anyio.sleep(0.05)
        assert "processor time" in text(await run(client, "1"))
        with anyio.fail_after(60):
            while counted.cpu("ann") != await after_two_beats(place):
                pass


async def test_the_end_of_the_service_ends_its_streams_and_what_runs(serve: Serve) -> None:
    async with serve() as place, place.client("ann") as client:
        await run(client, "1")
        async with httpx2.AsyncClient(headers=place.headers["ann"], timeout=60) as http:
            opened = await place.post("ann", INITIALIZE)
            headers = {"accept": "text/event-stream", "mcp-session-id": opened.headers["mcp-session-id"]}
            async with http.stream("GET", f"{place.url}/mcp", headers=headers) as stream:
                assert stream.status_code == 200
                place.application.state.service.closing.set()
                with anyio.fail_after(30):
                    async for _ in stream.aiter_bytes():
                        pass
        async with anyio.create_task_group() as tasks:

            async def sleep() -> None:
                assert "restarted" in await shown(client, "import time; time.sleep(600)")

            tasks.start_soon(sleep)
            with anyio.fail_after(30):
                while not place.house.counts().running:  # noqa: ASYNC110 -- nobody tells
                    await anyio.sleep(0.02)
                await place.house.drain(seconds=0.1)
