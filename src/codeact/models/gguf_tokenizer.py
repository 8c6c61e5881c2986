"""The tokenizer of a GGUF file, with llama.cpp's own rules. Needs `tokenizers`, which the extra `train` brings."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from codeact.errors import UsageError
from codeact.models.gguf import GgufHeader

TOKENS, MERGES = "tokenizer.ggml.tokens", "tokenizer.ggml.merges"  # the arrays of a header that it is made of

# How a text is split before its bytes are merged: `llama_vocab` of llama.cpp, by the name in `tokenizer.ggml.pre`.
_GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {"qwen2": (_QWEN2_WORDS,), "smollm": (r"\p{N}", _GPT2_WORDS)}


def byte_pairs(header: GgufHeader, path: Path) -> Tokenizer:
    """How the file's model turns plain text into tokens; special tokens are not known to it.

    Raises:
        UsageError: llama.cpp would make tokens in a way that is not known here.
    """
    model, split = (str(header.values.get(f"tokenizer.ggml.{what}", "")) for what in ("model", "pre"))
    if model != "gpt2" or split not in SPLITS:
        raise UsageError(
            f"{path.name} has a tokenizer of the kind {model!r} that splits like {split!r}; supported are those of the "
            f"kind 'gpt2' that split like {', '.join(SPLITS)}"
        )
    if missing := [name for name in (TOKENS, MERGES) if name not in header.arrays]:
        raise UsageError(f"{path.name} has no {', '.join(missing)}, so its tokenizer cannot be made")
    backend = Tokenizer(
        models.BPE(
            vocab={str(token): number for number, token in enumerate(header.arrays[TOKENS])},
            merges=[_pair(str(merge)) for merge in header.arrays[MERGES]],
        )
    )
    splits = [pre_tokenizers.Split(Regex(words), "isolated") for words in SPLITS[split]]
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return backend


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right
