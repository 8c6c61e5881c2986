"""The tokenizer and the chat template of a GGUF file, for transformers; its tokens of a text are those of llama.cpp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from codeact.errors import UsageError
from codeact.models.gguf import GgufHeader

_TOKENS, _KINDS, _MERGES = ARRAYS = tuple(f"tokenizer.ggml.{what}" for what in ("tokens", "token_type", "merges"))
_CONTROL, _USER_DEFINED = 3, 4  # kinds of tokens that are found whole in a text
_SPECIAL = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}

# How a text is split before its bytes are merged: `llama_vocab` of llama.cpp, by the name in `tokenizer.ggml.pre`.
_GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS = {"qwen2": (_QWEN2_WORDS,), "smollm": (r"\p{N}", _GPT2_WORDS)}


def read_tokenizer(header: GgufHeader, path: Path) -> PreTrainedTokenizerFast:
    """Unlike the publishers' own, it does not normalise Unicode, because llama.cpp does not.

    Raises:
        UsageError: llama.cpp would make tokens in a way that is not known here.
    """
    values = header.values
    _check(header, path)
    tokens = [str(token) for token in header.arrays[_TOKENS]]
    bpe = models.BPE(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=[_pair(str(merge)) for merge in header.arrays[_MERGES]],
    )
    backend = Tokenizer(bpe)
    splits = [pre_tokenizers.Split(Regex(split), "isolated") for split in _SPLITS[str(values["tokenizer.ggml.pre"])]]
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    for kind in (_CONTROL, _USER_DEFINED):
        whole = [token for token, its in zip(tokens, header.arrays[_KINDS], strict=True) if its == kind]
        added = [AddedToken(token, special=kind == _CONTROL, normalized=False) for token in whole]
        backend.add_tokens(added)  # pyright: ignore[reportUnknownMemberType]  # its list is bare
    special: dict[str, Any] = {
        word: tokens[int(values[f"tokenizer.ggml.{key}_token_id"])]
        for word, key in _SPECIAL.items()
        if f"tokenizer.ggml.{key}_token_id" in values
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        chat_template=values["tokenizer.chat_template"],
        model_max_length=header.info.context,
        clean_up_tokenization_spaces=False,
        **special,
    )


def _check(header: GgufHeader, path: Path) -> None:
    model, split = (header.values.get(f"tokenizer.ggml.{what}", "") for what in ("model", "pre"))
    if model != "gpt2" or split not in _SPLITS:
        raise UsageError(
            f"{path.name} has a tokenizer of the kind {model!r} that splits like {split!r}; supported are those of the "
            f"kind 'gpt2' that split like {', '.join(_SPLITS)}"
        )
    if header.values.get("tokenizer.ggml.add_bos_token", False):
        raise UsageError(f"{path.name} begins each text with a token of its own, which is not supported")
    if missing := [name for name in ARRAYS if name not in header.arrays]:
        raise UsageError(f"{path.name} has no {', '.join(missing)}, so its tokenizer cannot be made")
    if not header.info.has_chat_template:
        raise UsageError(f"{path.name} has no chat template, so it cannot be trained on conversations")


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right
