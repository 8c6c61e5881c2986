"""Several sequences side by side in one row of a batch, each seeing only itself.

What a sequence has in common with the one before it, up to what is trained of it, is computed once: its tokens are left
out, and its positions go on from there (see `attention`). Loss and gradients are those of the sequences alone, which is
tested. Rows of one environment have its instructions in common, up to a third of all their tokens.
"""

# torch's annotations are open in places
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

from codeact.training.sequences import IGNORED, Sequence


@dataclass(frozen=True, eq=False)
class Pack:
    """Sequences that are trained as one row."""

    sequences: tuple[Sequence, ...]

    def __len__(self) -> int:
        return self._computed

    @cached_property
    def _computed(self) -> int:
        return sum(len(sequence) - shared for sequence, shared in side_by_side(self.sequences))

    @property
    def shared(self) -> int:
        """Tokens that are not computed, because another sequence has them."""
        return sum(map(len, self.sequences)) - len(self)


def side_by_side(sequences: Many[Sequence]) -> Iterator[tuple[Sequence, int]]:
    """In an order in which those that begin alike are neighbours; with how many tokens each takes from the one before.

    What is trained is never taken, nor the token before it: that one has to foretell this sequence's own.
    """
    ordered = sorted(sequences, key=lambda each: each.tokens.tobytes())
    if ordered:
        yield ordered[0], 0
    for before, each in pairwise(ordered):
        yield each, min(alike(before, each), max(int(each.trained.argmax()) - 1, 0))


def alike(one: Sequence, other: Sequence) -> int:
    """How many tokens both begin with."""
    size = min(len(one), len(other))
    differing = one.tokens[:size] != other.tokens[:size]
    return int(differing.argmax()) if differing.any() else size


def pack(sequences: Many[Sequence], length: int) -> list[Pack]:
    """Sequences of one kind come together as far as they fill packs, so that they share much; the rest is mixed.

    Best fit, longest first: each goes where the least room is left behind it. The paper fills greedily in the same
    order; nothing is ever cut to fit.
    """
    kinds: dict[str, list[Sequence]] = {}
    for sequence in sequences:
        kinds.setdefault(sequence.kind, []).append(sequence)
    together = [each for kind in kinds.values() for each in _fitted(alone(kind), length, _common(kind))]
    return _fitted(together, length)


def alone(sequences: Many[Sequence]) -> list[Pack]:
    """Each sequence by itself."""
    return [Pack((sequence,)) for sequence in sequences]


def _common(sequences: Many[Sequence]) -> int:
    """What all of them share."""
    return min(shared for _, shared in [*side_by_side(sequences)][1:]) if len(sequences) > 1 else 0


def _fitted(packs: Many[Pack], length: int, common: int = 0) -> list[Pack]:
    """Packs joined up to a length, of which a beginning that all have in common counts once."""
    room: list[tuple[int, int]] = []  # (tokens left, which), sorted
    joined: list[list[Sequence]] = []
    for each in sorted(packs, key=len, reverse=True):
        size = len(each) - common
        place = bisect_left(room, (size, -1))
        if place < len(room):
            left, index = room.pop(place)
        else:
            left, index = length - common, len(joined)
            joined.append([])
        joined[index] += each.sequences
        insort(room, (left - size, index))
    return [Pack(tuple(members)) for members in joined]


def collate(packs: Many[Pack]) -> dict[str, torch.Tensor]:
    """The tensors of a batch: (1, T) each, all packs in one row, so that there is no padding, and more to share."""
    tokens: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    for sequence, shared in side_by_side([each for pack in packs for each in pack.sequences]):
        own = sequence.labels[shared:]
        own[0] = IGNORED  # else it would be foretold from the sequence before
        tokens.append(sequence.tokens[shared:])
        labels.append(own)
        positions.append(np.arange(shared, len(sequence)))
    row = {"input_ids": tokens, "labels": labels, "position_ids": positions}
    return {name: torch.from_numpy(np.concatenate(parts).astype(np.int64))[None] for name, parts in row.items()}
