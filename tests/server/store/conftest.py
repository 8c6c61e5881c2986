"""A store of each kind, empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from codeact.server.store import Store, open_store

from .postgres_server import PostgresServer


@pytest.fixture(scope="session")
def tables_address(postgres: PostgresServer) -> str:
    """Of one in which they stay, because making them takes longer than most tests."""
    postgres.execute("CREATE DATABASE tables")
    return postgres.address("tables")


@pytest.fixture
def emptied_address(postgres: PostgresServer, tables_address: str) -> Iterator[str]:
    yield tables_address
    postgres.execute("DELETE FROM codeact.chats; DELETE FROM codeact.tokens; DELETE FROM codeact.deeds", "tables")


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database that nobody has written into."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'chats.db'}"
    return request.getfixturevalue("emptied_address")


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    async with open_store(address) as opened:
        yield opened


@pytest.fixture
async def other(store: Store, address: str) -> AsyncIterator[Store]:
    """The same database, as another replica sees it."""
    async with open_store(address) as opened:
        yield opened
