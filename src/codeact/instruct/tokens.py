"""How long a row is in tokens: by a model's own tokenizer, or by a stated estimate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from codeact.errors import MissingExtraError, UsageError
from codeact.instruct.row import Row

ESTIMATE = "estimate"
CHARACTERS = 3.5  # to a token of the embedded models, on talk in code mode: docs/instruct.md says how measured
PER_MESSAGE = 5  # tokens of a chat template around a message: <|im_start|>, role, newline, <|im_end|>, newline


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the tokens of texts."""

    name: str  # as reports say it
    of_text: Callable[[str], int]

    def of_row(self, row: Row) -> int:
        """Of the whole talk, with what a ChatML template adds to each message."""
        return sum(self.of_text(message.content) + PER_MESSAGE for message in row.messages)


def _by_characters(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS)


estimated = Counter(f"estimated, {CHARACTERS} characters each", _by_characters)


def counter(name: str = ESTIMATE) -> Counter:
    """`estimate`, or the path of a GGUF file, whose own tokenizer then counts exactly.

    Raises:
        UsageError: no such file, or a tokenizer of a kind that cannot be read.
        WeightsError: the file is broken.
        MissingExtraError: counting by a tokenizer needs the extra `train`.
    """
    if name == ESTIMATE:
        return estimated
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"there is no model file {name!r} to count tokens with; give a GGUF file, or {ESTIMATE!r}")
    try:
        module = import_module("codeact.instruct.gguf_tokens")
    except ModuleNotFoundError as error:
        if error.name != "tokenizers":
            raise
        raise MissingExtraError("train", "counting tokens with a model's own tokenizer") from error
    return Counter(f"by the tokenizer of {path.name}", lru_cache(4096)(module.read_tokenizer(path)))
