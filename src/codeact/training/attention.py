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

NAME = "codeact_branches"  # in transformers' table; none of its masks has this name, so it makes none


@dataclass(frozen=True, slots=True)
class Branch:
    """Tokens of a row that follow one another."""

    size: int
    sees: tuple[tuple[int, int], ...]  # (number of an earlier branch, how many of its first tokens), in order

    @property
    def shared(self) -> int:
        """The tokens before it."""
        return sum(size for _, size in self.sees)


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
    outputs = [
        sdpa_attention_forward(
            module,
            queries[number],
            _seen(keys, branch, number),
            _seen(values, branch, number),
            _mask(branch, query.device),
            **options,
        )[0]
        for number, branch in enumerate(row)
    ]
    return torch.cat(outputs, dim=1), None


def _seen(parts: Sequence[torch.Tensor], branch: Branch, number: int) -> torch.Tensor:
    return torch.cat([*(parts[other][:, :, :size] for other, size in branch.sees), parts[number]], dim=2)


def _mask(branch: Branch, device: torch.device) -> torch.Tensor | None:
    """None is the plain triangle, for which there are faster ways than a mask."""
    if not branch.shared:
        return None
    whole = torch.ones(1, 1, branch.size, branch.shared + branch.size, dtype=torch.bool, device=device)
    return whole.tril(diagonal=branch.shared)


AttentionInterface.register(NAME, attend)
