"""Fixtures of the models family: a loopback server, and the two hosted wires in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest

from codeact.models import Model, open_model
from codeact.models.retries import RetryPolicy

from .loopback import Loopback, Reply, loopback
from .speech import anthropic_reply, chat_reply

KEY = "sk-very-secret-0123456789"


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with loopback() as running:
        yield running


@dataclass(slots=True)
class Hosted:
    """One vendor's wire in front of the loopback server; waiting between tries takes no time and is written down."""

    provider: str
    server: Loopback
    waits: list[float] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"{self.server.url}/v1" if self.provider == "openai" else self.server.url

    def open(self, **options: Any) -> AbstractAsyncContextManager[Model]:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        defaults = {"api_key": KEY, "base_url": self.base_url, "retries": RetryPolicy(sleep=sleep)}
        return open_model(f"{self.provider}:test-model", **{**defaults, **options})

    def says(self, *pieces: str) -> Reply:
        return chat_reply(*pieces) if self.provider == "openai" else anthropic_reply(*pieces)


@pytest.fixture(params=["openai", "anthropic"])
def hosted(request: pytest.FixtureRequest, server: Loopback) -> Hosted:
    return Hosted(request.param, server)


@pytest.fixture
def openai(server: Loopback) -> Hosted:
    return Hosted("openai", server)


@pytest.fixture
def anthropic(server: Loopback) -> Hosted:
    return Hosted("anthropic", server)
