"""A house with a scripted model behind the real application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from codeact import tool
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.sandbox.local import LocalSandbox
from codeact.server.client import Client
from codeact.server.house import House
from codeact.server.http.credentials import digest
from codeact.server.http.neighbours import whole
from codeact.server.http.settings import HttpSettings
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store
from codeact.types import Message

URL = "http://127.0.0.1:8321"
TOKENS = {"ann": "cat_" + "a" * 40, "bob": "cat_" + "b" * 40}


def reply(messages: Sequence[Message]) -> str:
    """The code that a message gives after `run:`; else the last line that was said or put out."""
    last = messages[-1].text
    if last.startswith("run:"):
        return f"```python\n{last.removeprefix('run:').strip()}\n```"
    return f"It is {last.splitlines()[-1]}"


@asynccontextmanager
async def scripted() -> AsyncIterator[Model]:
    yield ScriptedModel([reply] * 10_000, name="scripted:test")


@tool
def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


@pytest.fixture
async def house(warm_sandbox: LocalSandbox, tmp_path: Path) -> AsyncIterator[House]:
    settings = HouseSettings(models={"scripted:test": scripted}, tools={"double": double}, sandbox=warm_sandbox)
    async with open_store(f"sqlite:{tmp_path / 'chats.db'}") as store, House.open(store, settings) as opened:
        yield opened


def served(house: House, settings: HttpSettings) -> FastAPI:
    """All that `codeact serve` serves. Its lifespan is the caller's to enter, where more than the API is wanted."""
    return whole(house, settings=settings, tokens={digest(token): owner for owner, token in TOKENS.items()})


@pytest.fixture
async def application(house: House) -> AsyncIterator[FastAPI]:
    made = served(house, HttpSettings(body=200_000, upload=400_000, rate=1000.0, burst=10_000))
    async with made.router.lifespan_context(made):
        yield made


@dataclass(frozen=True, slots=True)
class Users:
    """Requests to the application, by somebody."""

    application: FastAPI

    def http(self, **headers: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.application)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.AsyncClient(base_url=URL, transport=transport, headers=named, trust_env=False)

    def by(self, owner: str) -> httpx2.AsyncClient:
        return self.http(authorization=f"Bearer {TOKENS[owner]}")

    def client(self, owner: str) -> Client:
        return Client(self.by(owner))


@pytest.fixture
def users(application: FastAPI) -> Users:
    return Users(application)
