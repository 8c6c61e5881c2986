"""The base of a training is what llama.cpp serves: the same tokens, the same prompts, the same weights."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from codeact.errors import UsageError, WeightsError
from codeact.models.fingerprint import fingerprint
from codeact.models.gguf import GgufHeader, read_header
from codeact.models.local import LocalModel, open_local
from codeact.models.weights import KNOWN
from codeact.training.architectures import read_config
from codeact.training.base_model import load_base
from codeact.training.base_tokenizer import ARRAYS, read_tokenizer
from codeact.training.bases import find_base

from .comparing import agreement, log_probabilities, served
from .llama_cpp import Llama

pytestmark = [pytest.mark.anyio, pytest.mark.model]

Base = tuple[PreTrainedModel, PreTrainedTokenizerFast]

TEXTS = [
    "def add(a, b):\n    return a + b\n\n\nprint(add(1234, 2))\n",
    "Größe, naïve, cafe\u0301 — “quotes” … 東京 привет 👩‍💻🙂",
    "  leading\t\ttabs   and   spaces  \n\n\n  \r\n end   ",
    "it's I'LL you've DON'T 3.14159 1e-5 ½ ² ٣٤",
    '<|im_start|>user\nhi<|im_end|>\n<tool_call>{"a": [1, 2]}</tool_call><|endoftext|>',
    "```python\nx = {'a': [1,2,3]}  # comment\n```",
    "\u00a0nbsp\u2003em\u200bzw\ufeff x\x00y\x7f",
    "",
    " ",
    "\n",
    "a" * 50,
    "<|im_start|> <|im_end|>x <file_sep>y",
    "if x:\n        return\n\telse",
]

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Add 1234 and 2 with Python."},
    {"role": "assistant", "content": "```python\nprint(1234 + 2)\n```"},
    {"role": "user", "content": "1236"},
]


@pytest.fixture(scope="module")
async def llama(base_file: Path) -> AsyncIterator[Llama]:
    async with open_local(str(base_file), context=512, threads=1) as opened:
        yield Llama(cast("LocalModel", opened))


async def test_a_text_becomes_the_same_tokens(base: Base, llama: Llama) -> None:
    for text in TEXTS:
        tokens = base[1](text)["input_ids"]
        assert tokens == await llama.tokens(text), text
        assert base[1].decode(tokens) == text


async def test_a_conversation_becomes_the_same_prompt(base: Base, llama: Llama) -> None:
    for messages in (TALK, TALK[1:2]):
        ours = base[1].apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert ours == await llama.prompt(messages)


async def test_the_next_tokens_have_the_same_probabilities(base: Base, llama: Llama) -> None:
    """Measured over 69 tokens: the same token on top at all, 0.03 off on it, 0.11 over ten; llama.cpp computes with
    activations of 8 bits. A wrong order of the queries' rows, or another rope, leaves next to nothing in common.
    """
    tokens = base[1].apply_chat_template(TALK, return_dict=False)
    found = agreement(log_probabilities(base[0], tokens), await served(llama, tokens, range(10, len(tokens), 3)))
    assert found.same_top >= 0.8  # near ties fall either way
    assert found.of_top < 0.1
    assert found.of_all < 0.3


def test_the_model_is_whole_and_ready_to_be_trained(base: Base) -> None:
    model, tokenizer = base
    assert model.dtype == torch.float32
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight  # the file has only one
    assert not any(parameter.is_meta for parameter in (*model.parameters(), *model.buffers()))
    assert model.config.rope_parameters["rope_theta"] == 100_000
    assert (tokenizer.eos_token, tokenizer.eos_token_id, model.config.eos_token_id) == ("<|im_end|>", 2, 2)
    assert tokenizer.model_max_length == 8192


def test_other_files_are_refused_and_why(base_file: Path, tmp_path: Path) -> None:
    header = read_header(base_file, ARRAYS)

    def changed(**values: str | float | None) -> GgufHeader:
        named = {key.replace("__", "."): value for key, value in values.items()}
        kept = {key: value for key, value in ({**header.values, **named}).items() if value is not None}
        info = dataclasses.replace(header.info, architecture=str(kept["general.architecture"]))
        return dataclasses.replace(header, values=kept, info=info)

    for values, words in [
        ({"general__architecture": "mamba"}, r"of the architecture 'mamba'; trained can be llama, qwen2"),
        ({"llama__rope__scaling__type": "yarn"}, r"settings that are not known here.*\['rope.scaling.type'\]"),
        ({"llama__rope__dimension_count": 32}, r"heads of an unusual size \(rope.dimension_count is 32, not 64\)"),
        ({"llama__block_count": None}, r"does not say its block_count"),
    ]:
        with pytest.raises(UsageError, match=words):
            read_config(changed(**values), base_file)
    for values, words in [
        ({"tokenizer__ggml__pre": "tekken"}, r"splits like 'tekken'; supported are .* split like qwen2, smollm"),
        ({"tokenizer__ggml__model": "llama"}, r"a tokenizer of the kind 'llama'"),
        ({"tokenizer__ggml__add_bos_token": True}, r"begins each text with a token of its own"),
    ]:
        with pytest.raises(UsageError, match=words):
            read_tokenizer(changed(**values), base_file)
    (tmp_path / "page.gguf").write_text("<html>")
    with pytest.raises(WeightsError, match="is not a GGUF file"):
        load_base(tmp_path / "page.gguf")


@pytest.mark.parametrize("given", ["local:smollm2-135m+lora.gguf", "x.gguf+out/lora.gguf"])
def test_what_has_an_adapter_is_no_base(given: str) -> None:
    with pytest.raises(UsageError, match=r"an adapter is trained on weights alone; give '(smollm2-135m|x.gguf)'"):
        find_base(given)


def test_a_tensor_too_many_is_another_model(base_file: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange.gguf"
    data = base_file.read_bytes()
    assert data.count(b"blk.29.attn_q.weight") == 1
    strange.write_bytes(data.replace(b"blk.29.attn_q.weight", b"blk.29.attn_x.weight"))
    with pytest.raises(UsageError, match=re.escape("differ: ['blk.29.attn_q.weight', 'blk.29.attn_x.weight']")):
        load_base(strange)


def test_a_file_is_known_by_its_hash(base_file: Path, tmp_path: Path) -> None:
    assert fingerprint(base_file) == KNOWN["smollm2-135m"].sha256
    copy = tmp_path / "copy.gguf"
    copy.symlink_to(base_file)  # not in the store, so it is read
    assert fingerprint(copy) == KNOWN["smollm2-135m"].sha256
