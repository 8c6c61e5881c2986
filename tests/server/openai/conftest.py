"""The whole application on loopback, with the scripted model and the real sandbox; the official client against it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import anyio
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from codeact.models.scripted import ScriptedModel, ScriptedReply
from codeact.sandbox.base import Limits, MiB
from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.http.app import app
from codeact.server.http.credentials import digest
from codeact.server.http.neighbours import add_protocols
from codeact.server.http.settings import HttpSettings
from codeact.server.settings import HouseSettings, Quotas
from codeact.server.store import open_store

LIMITS = Limits(memory=1024 * MiB, total_memory=2048 * MiB, workspace=64 * MiB)
TOKENS = {"token-of-ada": "ada", "token-of-bob": "bob"}


@dataclass
class Place:
    """A running server."""

    base_url: str
    model: ScriptedModel
    house: House

    def client(self, who: str = "ada", **options: object) -> openai.AsyncOpenAI:
        given = {"max_retries": 0, **options}
        return openai.AsyncOpenAI(base_url=self.base_url, api_key=f"token-of-{who}", **given)

    def sync_client(self, who: str = "ada") -> openai.OpenAI:
        return openai.OpenAI(base_url=self.base_url, api_key=f"token-of-{who}", max_retries=0)


Serve = Callable[..., AbstractAsyncContextManager[Place]]


@pytest.fixture
def serve(warm_sandbox: LocalSandbox) -> Serve:
    @asynccontextmanager
    async def serving(
        *replies: ScriptedReply,
        model: ScriptedModel | None = None,
        quotas: Quotas | None = None,
        http: HttpSettings | None = None,
        **options: object,
    ) -> AsyncIterator[Place]:
        model = model or ScriptedModel(replies)
        settings = HouseSettings(
            models={"scripted:script": lambda: nullcontext(model)},
            sandbox=warm_sandbox,
            limits=LIMITS,
            quotas=quotas or Quotas(),
            **options,
        )
        async with open_store("sqlite::memory:") as store, House.open(store, settings) as house:
            tokens = {digest(token): owner for token, owner in TOKENS.items()}
            application = app(house, settings=http or HttpSettings(rate=1000.0, burst=10_000), tokens=tokens)
            add_protocols(application, house)
            async with on_loopback(application) as address:
                yield Place(f"{address}/v1", model, house)

    return serving


@asynccontextmanager
async def on_loopback(application: FastAPI) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None, lifespan="on", ws="none"))
    failures: list[Exception] = []  # raised below: the task group would wrap them, and cancel the server in the middle
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        with anyio.fail_after(30):
            while not server.started:  # noqa: ASYNC110 (uvicorn tells nobody)
                await anyio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        except Exception as error:  # noqa: BLE001 (see above)
            failures.append(error)
        server.should_exit = True
    if failures:
        raise failures[0]
