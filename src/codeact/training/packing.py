"""Several sequences side by side in one row of a batch, each seeing only itself.

Positions start again with each sequence. Without an attention mask, transformers makes of such positions a mask that is
block-diagonal, for eager and for SDPA attention alike (`find_packed_sequence_indices` in its `masking_utils.py`); that
the outputs are those of the sequences alone is tested.
"""

# torch's annotations are open in places
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence as Many
from dataclasses import dataclass

import torch

from codeact.training.sequences import IGNORED, Sequence


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Sequences that are trained as one row."""

    sequences: tuple[Sequence, ...]

    def __len__(self) -> int:
        return sum(len(sequence) for sequence in self.sequences)


def pack(sequences: Many[Sequence], length: int) -> list[Pack]:
    """Best fit, longest first: each sequence goes where the least room is left behind it. The paper fills greedily in
    the same order; nothing is ever cut to fit.
    """
    room: list[tuple[int, int]] = []  # (tokens left, pack), sorted
    packs: list[list[Sequence]] = []
    for sequence in sorted(sequences, key=len, reverse=True):
        place = bisect_left(room, (len(sequence), -1))
        if place < len(room):
            left, index = room.pop(place)
        else:
            left, index = length, len(packs)
            packs.append([])
        packs[index].append(sequence)
        insort(room, (left - len(sequence), index))
    return [Pack(tuple(members)) for members in packs]


def alone(sequences: Many[Sequence]) -> list[Pack]:
    """Each sequence by itself."""
    return [Pack((sequence,)) for sequence in sequences]


@dataclass(frozen=True, slots=True)
class Collate:
    """Packs as the tensors of a batch."""

    padding: int  # any token: it is neither seen nor trained

    def __call__(self, packs: Many[Pack]) -> dict[str, torch.Tensor]:
        width = max(len(each) for each in packs)
        shape = (len(packs), width)
        tokens = torch.full(shape, self.padding)  # (B, T)
        labels = torch.full(shape, IGNORED)  # (B, T)
        positions = torch.zeros(shape, dtype=torch.long)  # (B, T); a run of zeros: each pad is a document of its own
        for row, each in enumerate(packs):
            start = 0
            for sequence in each.sequences:
                end = start + len(sequence)
                tokens[row, start:end] = torch.from_numpy(sequence.tokens)
                labels[row, start:end] = torch.from_numpy(sequence.labels)
                labels[row, start] = IGNORED  # else it would be predicted from the sequence before
                positions[row, start:end] = torch.arange(len(sequence))
                start = end
        return {"input_ids": tokens, "labels": labels, "position_ids": positions}
