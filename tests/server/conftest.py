"""A real PostgreSQL server, for what is about several replicas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .store.postgres_server import MISSING, PostgresServer, programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    found = programs()
    if found is None:
        pytest.skip(MISSING)
    with PostgresServer(found) as server:
        yield server


@pytest.fixture
def postgres_address(postgres: PostgresServer) -> Iterator[str]:
    """Of a database without our tables."""
    yield postgres.address("postgres")
    postgres.execute("DROP SCHEMA IF EXISTS codeact CASCADE")
