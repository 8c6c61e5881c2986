"""The tokenizer and the chat template of a GGUF file, for transformers; its tokens of a text are those of llama.cpp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, decoders
from transformers import PreTrainedTokenizerFast

from codeact.errors import UsageError
from codeact.models.gguf import GgufHeader
from codeact.models.gguf_tokenizer import MERGES, TOKENS, byte_pairs

_KINDS = "tokenizer.ggml.token_type"
ARRAYS = (TOKENS, _KINDS, MERGES)
_CONTROL, _USER_DEFINED = 3, 4  # kinds of tokens that are found whole in a text
_SPECIAL = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}


def read_tokenizer(header: GgufHeader, path: Path) -> PreTrainedTokenizerFast:
    """Unlike the publishers' own, it does not normalise Unicode, because llama.cpp does not.

    Raises:
        UsageError: llama.cpp would make tokens in a way that is not known here.
    """
    values = header.values
    backend = byte_pairs(header, path)
    _check(header, path)
    tokens = [str(token) for token in header.arrays[TOKENS]]
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
    if header.values.get("tokenizer.ggml.add_bos_token", False):
        raise UsageError(f"{path.name} begins each text with a token of its own, which is not supported")
    if _KINDS not in header.arrays:
        raise UsageError(f"{path.name} has no {_KINDS}, so its tokenizer cannot be made")
    if not header.info.has_chat_template:
        raise UsageError(f"{path.name} has no chat template, so it cannot be trained on conversations")
