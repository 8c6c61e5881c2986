"""The tokenizer of a served model, from its GGUF file: tokens are counted as the model will be trained on them.

Needs `tokenizers`, which the extra `train` brings. Byte-level pair encoding only, in the two ways of cutting text into
words that the embedded models have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from codeact.errors import UsageError
from codeact.models.gguf import read_header

_TOKENS, _MERGES = "tokenizer.ggml.tokens", "tokenizer.ggml.merges"

_tokenizers: Any = import_module("tokenizers")  # it has no annotations
_cuts: Any = _tokenizers.pre_tokenizers

# From llama.cpp (src/llama-vocab.cpp), where a file's own word for it says which of them is meant.
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _qwen2() -> Any:
    split = _cuts.Split(_tokenizers.Regex(_QWEN2), behavior="isolated", invert=False)
    return _cuts.Sequence([split, _cuts.ByteLevel(add_prefix_space=False, use_regex=False)])


def _smollm() -> Any:
    return _cuts.Sequence([_cuts.Digits(individual_digits=True), _cuts.ByteLevel(add_prefix_space=False)])


_CUTS: Mapping[str, Callable[[], Any]] = {"qwen2": _qwen2, "smollm": _smollm}


def read_tokenizer(path: Path) -> Callable[[str], int]:
    """What counts the tokens of a text. A text's special tokens count as the plain text that they are in a row.

    Raises:
        WeightsError: the file is broken.
        UsageError: it holds one of a kind that cannot be read here.
    """
    header = read_header(path, (_TOKENS, _MERGES))
    kind, cut = (str(header.values.get(f"tokenizer.ggml.{name}", "")) for name in ("model", "pre"))
    if kind != "gpt2" or cut not in _CUTS:
        raise UsageError(
            f"the tokenizer of {str(path)!r} is {kind}/{cut}, and only those of {', '.join(_CUTS)} can be read; "
            "remedy: count by the estimate"
        )
    ids = {token: number for number, token in enumerate(header.arrays.get(_TOKENS, ()))}
    merges = [tuple(str(merge).split(" ", 1)) for merge in header.arrays.get(_MERGES, ())]
    tokenizer = _tokenizers.Tokenizer(_tokenizers.models.BPE(vocab=ids, merges=merges))
    tokenizer.pre_tokenizer = _CUTS[cut]()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
