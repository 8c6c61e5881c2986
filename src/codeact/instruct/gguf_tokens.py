"""Tokens counted as the model will be trained on them: by the tokenizer in the GGUF file that is served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codeact.errors import UsageError
from codeact.models.gguf import read_header
from codeact.models.gguf_tokenizer import MERGES, SPLITS, TOKENS, byte_pairs


def read_tokenizer(path: Path) -> Callable[[str], int]:
    """What counts the tokens of a text. A text's special tokens count as the plain text that they are in a row.

    Raises:
        WeightsError: the file is broken.
        UsageError: it holds one of a kind that cannot be read here.
    """
    header = read_header(path, (TOKENS, MERGES))
    kind, cut = (str(header.values.get(f"tokenizer.ggml.{name}", "")) for name in ("model", "pre"))
    if kind != "gpt2" or cut not in SPLITS:
        raise UsageError(
            f"the tokenizer of {str(path)!r} is {kind}/{cut}, and only those of {', '.join(SPLITS)} can be read; "
            "remedy: count by the estimate"
        )
    tokenizer = byte_pairs(header, path)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
