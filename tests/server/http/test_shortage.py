"""What clients are told where the service lacks something: its database, room on it, memory of a session."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.http.settings import HttpSettings
from codeact.server.settings import Quotas
from codeact.server.store import open_store

from ..keeping import keeping  # noqa: TID252 (tests are no package with a name)
from ..store.postgres_server import PostgresServer  # noqa: TID252
from .conftest import Users, served
from .described import refusal

pytestmark = pytest.mark.anyio

ELSEWHERE = "template1"  # a database that can be written
READ_ONLY = "ALTER DATABASE postgres SET default_transaction_read_only = {}"
HANG_UP = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'codeact'"


@asynccontextmanager
async def serving(house: House) -> AsyncGenerator[Users]:
    made = served(house, HttpSettings())
    made.state.service.readiness.lasts = 0.0  # seconds
    async with made.router.lifespan_context(made):
        yield Users(made)


async def said(users: Users, house: House, id: str, text: str) -> str:
    """What became of a message."""
    async with users.by("ann") as ann:
        run = (await ann.post(f"/sessions/{id}/messages", json={"text": text})).json()["id"]
        await (await house.room(id, owner="ann")).wait()
        return (await ann.get(f"/sessions/{id}/runs/{run}")).json()["status"]


async def check_that_nothing_is_done(users: Users, id: str) -> None:
    asked: dict[str, Any] = {"/sessions": {}, f"/sessions/{id}/messages": {"text": "Go on"}, f"/sessions/{id}/undo": {}}
    async with users.by("ann") as ann, users.http() as anybody:
        for path, body in asked.items():
            answer = await ann.post(path, json=body)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:codeact:store"), path
            assert int(answer.headers["retry-after"]) >= 1
            refusal(path, answer)
        assert (await anybody.get("/readyz")).status_code == 503
        assert (await anybody.get("/healthz")).status_code == 200, "another process would find no other database"


async def check_that_all_is_well(users: Users, house: House, id: str) -> None:
    async with users.by("ann") as ann, users.http() as anybody:
        assert (await anybody.get("/readyz")).status_code == 200
        assert await said(users, house, id, "Go on") == "answered"
        assert len((await ann.get(f"/sessions/{id}/runs")).json()["runs"]) == 2


async def test_a_database_that_is_gone_is_said_until_it_is_back(warm_sandbox: LocalSandbox, tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    async with (
        open_store(f"sqlite:{path}") as store,
        keeping(warm_sandbox, "Hello.", "Again.", store=store) as house,
        serving(house) as users,
    ):
        id = (await house.new_chat("ann")).id
        assert await said(users, house, id, "Hello") == "answered"
        away = path.rename(path.with_name("away"))
        await check_that_nothing_is_done(users, id)
        away.rename(path)
        await check_that_all_is_well(users, house, id)


async def test_a_database_that_may_only_be_read_is_said_until_it_may_be_written(
    warm_sandbox: LocalSandbox, postgres: PostgresServer, postgres_address: str
) -> None:
    async with (
        open_store(postgres_address) as store,
        keeping(warm_sandbox, "Hello.", "Again.", store=store) as house,
        serving(house) as users,
    ):
        id = (await house.new_chat("ann")).id
        assert await said(users, house, id, "Hello") == "answered"
        try:
            postgres.execute(READ_ONLY.format("on"), ELSEWHERE)
            postgres.execute(HANG_UP)  # it is for connections that are made from now on
            await check_that_nothing_is_done(users, id)
            async with users.by("ann") as ann:
                assert (await ann.get(f"/sessions/{id}/runs")).status_code == 200, "it can be read"
        finally:
            postgres.execute(READ_ONLY.format("off"), ELSEWHERE)
        postgres.execute(HANG_UP)
        await check_that_all_is_well(users, house, id)


async def test_an_upload_that_fills_the_quota_is_refused_wherever_it_comes_in(warm_sandbox: LocalSandbox) -> None:
    most, size = 30_000, 20_000
    file = {"name": "second.txt", "data": base64.b64encode(bytes(size)).decode()}
    async with (
        keeping(warm_sandbox, quotas=Quotas(own_disk=most)) as house,
        serving(house) as users,
        users.by("ann") as ann,
        users.by("bob") as bob,
    ):
        here = f"/sessions/{(await ann.post('/sessions', json={})).json()['id']}"
        assert (await ann.put(f"{here}/files/first.txt", content=bytes(size))).status_code == 201
        used = await house.store.used("ann")
        for answer in (
            await ann.put(f"{here}/files/second.txt", content=bytes(size)),
            await ann.post(f"{here}/messages", json={"text": "Read it", "files": [file]}),
        ):
            assert (answer.status_code, answer.json()["type"]) == (429, "urn:codeact:quota")
            assert f"{most:,}" in answer.json()["detail"]
        answer = await ann.post("/v1/files", files={"file": ("a", bytes(size))}, data={"purpose": "user_data"})
        assert answer.status_code == 429
        assert answer.json()["error"]["code"] == "insufficient_quota"
        assert [file["path"] for file in (await ann.get(f"{here}/files")).json()["files"]] == ["first.txt"]
        assert (await ann.get(f"{here}/runs")).json()["runs"] == []
        assert (await ann.get("/v1/files")).json()["data"] == []
        assert await house.store.used("ann") == used
        theirs = f"/sessions/{(await bob.post('/sessions', json={})).json()['id']}"
        assert (await bob.put(f"{theirs}/files/mine.txt", content=bytes(size))).status_code == 201
