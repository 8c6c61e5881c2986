"""Attention in a row that holds several sequences, which may share their beginnings.

Positions alone say what a token sees. Where they go on by one, it sees what is before it; where they fall back to n, a
branch begins, which sees the first n tokens of what the branch before it saw, and itself: with n = 0 another sequence.
So the row 0 1 2 3 4 | 2 3 4 | 0 1 holds three sequences, the second of which shares two tokens with the first.

Each branch is computed by itself, over the keys that it sees: no mask as wide as the row, no work on what is hidden.
"""

# torch's annotations are open in places
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

_BLOCK = 256  # queries
NAME = "codeact_branches"  # in transformers' table; none of its masks has this name, so it makes none


@dataclass(frozen=True, slots=True)
class Branch:
    """Tokens of a row that follow one another."""

    size: int
    sees: tuple[tuple[int, int], ...]  # (number of an earlier branch, how many of its first tokens), in order


def branches(positions: Sequence[int]) -> list[Branch]:
    """The branches of a row."""
    breaks = [place for place in range(1, len(positions)) if positions[place] != positions[place - 1] + 1]
    found: list[Branch] = []
    path: list[tuple[int, int]] = []  # what the last token saw, and itself
    for start, end in zip([0, *breaks], [*breaks, len(positions)], strict=True):
        seen = _first(path, positions[start])
        path = [*seen, (len(found), end - start)]
        found.append(Branch(end - start, tuple(seen)))
    return found


def _first(path: list[tuple[int, int]], tokens: int) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for number, size in path:
        if tokens > 0:
            kept.append((number, min(size, tokens)))
            tokens -= size
    return kept


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    row: Sequence[Branch],
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it: (1, heads, T, size of a head) each; returned is (1, T, heads, size of a head)."""
    sizes = [branch.size for branch in row]
    queries, keys, values = (whole.split(sizes, dim=2) for whole in (query, key, value))
    one = _on_processor if query.device.type == "cpu" else _elsewhere
    outputs = [
        one(module, queries[number], _seen(keys, branch, number), _seen(values, branch, number), **options)
        for number, branch in enumerate(row)
    ]
    return torch.cat(outputs, dim=1), None


def _seen(parts: Sequence[torch.Tensor], branch: Branch, number: int) -> torch.Tensor:
    return torch.cat([*(parts[other][:, :, :size] for other, size in branch.sees), parts[number]], dim=2)


def _elsewhere(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **options: Any
) -> torch.Tensor:
    """By the device's own kernels. (1, T, heads, width)"""
    size, seen = query.shape[2], key.shape[2]
    mask = None  # the plain triangle, for which they are fastest
    if seen > size:
        mask = torch.ones(1, 1, size, seen, dtype=torch.bool, device=query.device).tril(diagonal=seen - size)
    return sdpa_attention_forward(module, query, key, value, mask, **options)[0]


def _on_processor(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scaling: float, **rest: Any
) -> torch.Tensor:
    """By plain products of matrices, in a quarter to half of the time that torch's own attention takes on processors.

    Queries come in blocks, so that little is computed of what is hidden; those of heads that share a key lie below one
    another. Keys are moved by their mean, which changes no weight, and keeps bfloat16 fine where it counts.
    """
    _, heads, size, width = query.shape
    key, value = key[0], value[0]  # (groups, seen, width)
    groups, seen, _ = key.shape
    key = (key - key.mean(dim=1, keepdim=True)).transpose(1, 2)
    query = (query * scaling).view(groups, heads // groups, size, width)
    outputs: list[torch.Tensor] = []
    upto = seen - size
    for block in query.split(_BLOCK, dim=2):
        rows = block.shape[2]
        upto += rows
        scores = (block.reshape(groups, -1, width) @ key[:, :, :upto]).view(groups, -1, rows, upto)
        hidden = torch.ones(rows, upto, dtype=torch.bool).triu(diagonal=upto - rows + 1)
        weights = scores.masked_fill(hidden, -torch.inf).softmax(dim=-1)
        output = weights.view(groups, -1, upto) @ value[:, :upto]  # (groups, heads of one * rows, width)
        outputs.append(output.view(heads, rows, width))
    return torch.cat(outputs, dim=1).transpose(0, 1)[None]


AttentionInterface.register(NAME, attend)
