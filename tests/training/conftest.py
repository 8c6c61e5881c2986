"""The smallest real model on both stacks: in transformers once for all tests, in llama.cpp where one opens it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from codeact.models.store import Store
from codeact.training.base_model import load_base

from .tiny_fixtures import chat, qwen_tokenizer, smollm2_tokenizer, tiny_qwen, tiny_smollm2

__all__ = ["chat", "qwen_tokenizer", "smollm2_tokenizer", "tiny_qwen", "tiny_smollm2"]  # fixtures


@pytest.fixture(scope="session")
def base_file(smollm2: str, weights_store: Store) -> Path:
    return weights_store.path(smollm2)


@pytest.fixture(scope="session")
def base(base_file: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Shared: who changes the model puts it back."""
    torch.set_num_threads(1)
    return load_base(base_file)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """So that sums are the same each time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
