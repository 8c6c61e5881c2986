"""Fixtures of the whole suite."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from codeact.sandbox.local import LocalSandbox

from .model_fixtures import qwen, smollm2, weights_store

__all__ = ["qwen", "smollm2", "weights_store"]  # fixtures, for every folder

# The same examples in every run, at any speed: a gate that is red for no reason is worse than none. `make fuzz` looks
# for new ones.
settings.register_profile("gate", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", deadline=None, max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gate")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One event loop is enough: the package is written on anyio and run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
async def warm_sandbox(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    """The real sandbox with one fork server for the whole suite: sessions in milliseconds instead of seconds."""
    async with LocalSandbox(spares=0) as sandbox:
        yield sandbox
