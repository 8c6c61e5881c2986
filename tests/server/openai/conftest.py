"""The application as it is served, with the scripted model and the real sandbox; the official client against it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import openai
import pytest

from codeact.models.scripted import ScriptedModel, ScriptedReply
from codeact.sandbox.base import Limits, MiB
from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.http.credentials import digest
from codeact.server.http.neighbours import whole
from codeact.server.http.settings import HttpSettings
from codeact.server.settings import HouseSettings, Quotas
from codeact.server.store import open_store

from ..loopback import on_loopback  # noqa: TID252 (tests are no package with a name)

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
            application = whole(house, settings=http or HttpSettings(rate=1000.0, burst=10_000), tokens=tokens)
            async with on_loopback(application) as address:
                yield Place(f"{address}/v1", model, house)

    return serving
