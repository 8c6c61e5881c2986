"""How far two stacks are apart on one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from .llama_cpp import Llama

TOP = 10  # next tokens that are compared at each place


@dataclass(frozen=True, slots=True)
class Agreement:
    same_top: float  # share of places where both find the same token the likeliest
    of_top: float  # mean |difference| of that token's log-probability
    of_all: float  # mean |difference| over llama.cpp's ten likeliest


def log_probabilities(model: PreTrainedModel, tokens: Sequence[int]) -> torch.Tensor:
    """(T, V): of the token after each."""
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].log_softmax(-1)


async def compare(expected: torch.Tensor, llama: Llama, tokens: Sequence[int], places: range) -> Agreement:
    same, of_top, of_all = 0, 0.0, 0.0
    for place in places:
        found = await llama.next_tokens(tokens[: place + 1], TOP)
        ours = expected[place]
        top = max(found, key=found.__getitem__)
        same += int(top == int(ours.argmax()))
        of_top += abs(found[top] - float(ours[top]))
        of_all += sum(abs(value - float(ours[token])) for token, value in found.items()) / len(found)
    return Agreement(same / len(places), of_top / len(places), of_all / len(places))
