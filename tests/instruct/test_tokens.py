"""Counting tokens: by a stated estimate, and by the tokenizer in a model's file."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.instruct.gguf_tokens import read_tokenizer
from codeact.instruct.tokens import CHARACTERS, PER_MESSAGE, counter, estimated
from codeact.models.store import Store

from .episodes import row

LETTERS = [chr(code) for code in range(33, 127)]
TOKENS = [*LETTERS, "Ġ", "Ċ", "ab", "abc", "Ġab"]
MERGES = ["a b", "ab c", "Ġ ab"]
TALK = "Hello world, it's 12345 apples!\n\nprint(x)   # ä é 漢字"


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, value: str | list[str] | list[float]) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if all(isinstance(item, float) for item in value):
        return text(key) + struct.pack("<IIQ", 9, 6, len(value)) + struct.pack(f"<{len(value)}f", *value)
    return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, map(str, value)))


def model_file(path: Path, kind: str = "gpt2", cut: str = "qwen2") -> Path:
    """A GGUF file with a tokenizer and no tensors."""
    pairs = [
        pair("tokenizer.ggml.model", kind),
        pair("tokenizer.ggml.scores", [0.5, 1.5]),
        pair("tokenizer.ggml.pre", cut),
        pair("tokenizer.ggml.tokens", TOKENS),
        pair("tokenizer.ggml.merges", MERGES),
    ]
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs) + bytes(32))  # its padding
    return path


def test_merges_and_cuts(tmp_path: Path) -> None:
    count = read_tokenizer(model_file(tmp_path / "model.gguf"))
    assert [count(each) for each in ("", "abc", "ab ab", "a b", "99", "x\ny")] == [0, 1, 2, 3, 2, 3]
    named = counter(str(tmp_path / "model.gguf"))
    assert named.name == "by the tokenizer of model.gguf"
    talk = row("r", "abc")
    assert named.of_row(talk) == sum(count(each.content) + PER_MESSAGE for each in talk.messages)


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    for kind, cut in (("llama", ""), ("gpt2", "tekken")):
        with pytest.raises(UsageError, match=f"is {kind}/{cut}, and only those of qwen2, smollm can be read"):
            counter(str(model_file(tmp_path / "model.gguf", kind, cut)))


def test_the_estimate_says_what_it_is() -> None:
    assert counter() is estimated
    assert estimated.name == f"estimated, {CHARACTERS} characters each"
    assert estimated.of_text("x" * 700) == 200
    assert estimated.of_text("") == 0


@pytest.mark.model
def test_counts_are_llama_cpps(weights_store: Store, smollm2: str) -> None:
    """The number is that of llama.cpp's own `/tokenize`; docs/instruct.md says on how much that was compared."""
    assert read_tokenizer(weights_store.path(smollm2))(TALK) == 28
