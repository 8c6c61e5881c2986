"""Fixtures of collecting."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from codeact.sandbox.local import LocalSandbox


@pytest.fixture(scope="session")
async def bare_sandbox(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    """The real sandbox as collecting opens it, without the seconds that importing the data stack takes."""
    async with LocalSandbox(preload=(), checkpoints="none", spares=0) as sandbox:
        yield sandbox
