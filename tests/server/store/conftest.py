"""A store of each kind, empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codeact.server.store import Store, open_store


@pytest.fixture(params=["sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database that nobody has opened yet."""
    return f"sqlite:{tmp_path / 'chats.db'}"


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    async with open_store(address) as opened:
        yield opened


@pytest.fixture
async def other(store: Store, address: str) -> AsyncIterator[Store]:
    """The same database, as another replica sees it."""
    async with open_store(address) as opened:
        yield opened
