"""The order in which a file of the llama architecture keeps the rows of its queries and keys.

A head of n rows turns n / 2 pairs of them. transformers pairs row i with row i + n / 2; llama.cpp, for this
architecture, pairs neighbours, so its converter wrote the rows in that order. Others (qwen2) are left as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def from_file(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of a weight or of a LoRA's B, from llama.cpp's order to that of transformers."""
    pairs = rows.reshape(heads, -1, 2, *rows.shape[1:])  # (head, pair, which of the two, …)
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def to_file(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The way back."""
    halves = rows.reshape(heads, 2, -1, *rows.shape[1:])  # (head, which of the two, pair, …)
    return halves.swapaxes(1, 2).reshape(rows.shape)
