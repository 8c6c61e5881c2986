"""Bases of a training: the real tokenizers and templates, above weights that train in a second."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from codeact.models.gguf import read_header
from codeact.models.store import Store
from codeact.training.base_tokenizer import ARRAYS, read_tokenizer
from codeact.training.chat import Chat, Tokenizer

from .tiny_base import write_tiny_base


@pytest.fixture(scope="session")
def tiny_smollm2(smollm2: str, weights_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "tiny-smollm2.gguf"
    return write_tiny_base(path, weights_store.path(smollm2), architecture="llama", vocabulary=49_152)


@pytest.fixture(scope="session")
def tiny_qwen(qwen: str, weights_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "tiny-qwen.gguf"
    return write_tiny_base(path, weights_store.path(qwen), architecture="qwen2", vocabulary=151_936)


@pytest.fixture(scope="session")
def smollm2_tokenizer(tiny_smollm2: Path) -> Tokenizer:
    return cast("Tokenizer", read_tokenizer(read_header(tiny_smollm2, ARRAYS), tiny_smollm2))


@pytest.fixture(scope="session")
def qwen_tokenizer(tiny_qwen: Path) -> Tokenizer:
    return cast("Tokenizer", read_tokenizer(read_header(tiny_qwen, ARRAYS), tiny_qwen))


@pytest.fixture(scope="session", params=["smollm2", "qwen"])
def chat(request: pytest.FixtureRequest) -> Chat:
    """Each of the templates that is embedded in a model of ours."""
    return Chat(request.getfixturevalue(f"{request.param}_tokenizer"), request.param)
