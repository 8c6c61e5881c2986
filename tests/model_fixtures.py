"""Real weights for tests: fetched into the user's own store the first time, verified, and kept there."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio
import pytest

from codeact.models.store import Store, default_root


@pytest.fixture(scope="session")
def weights_store() -> Store:
    return Store(default_root(os.environ))


@pytest.fixture(scope="session")
def smollm2(weights_store: Store) -> str:
    """The name of the smallest real model: half a second to load, a hundred tokens a second, and not clever."""
    return _pulled(weights_store, "smollm2-135m")


@pytest.fixture(scope="session")
def qwen(weights_store: Store) -> str:
    """The name of the default model."""
    return _pulled(weights_store, "qwen2.5-coder-1.5b")


def _pulled(store: Store, name: str) -> str:
    with ThreadPoolExecutor(1) as elsewhere:  # the suite's own event loop may be running in this thread
        elsewhere.submit(anyio.run, partial(store.pull, name)).result()
    return name
