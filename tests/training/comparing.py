"""How far two stacks are apart on one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


async def served(llama: Llama, tokens: Sequence[int], places: range) -> dict[int, dict[int, float]]:
    """llama.cpp's likeliest next tokens after each of the places."""
    return {place: await llama.next_tokens(tokens[: place + 1], TOP) for place in places}


def agreement(expected: torch.Tensor, found: Mapping[int, Mapping[int, float]]) -> Agreement:
    same, of_top, of_all = 0, 0.0, 0.0
    for place, likeliest in found.items():
        ours = expected[place]
        top = max(likeliest, key=likeliest.__getitem__)
        same += int(top == int(ours.argmax()))
        of_top += abs(likeliest[top] - float(ours[top]))
        of_all += sum(abs(value - float(ours[token])) for token, value in likeliest.items()) / len(likeliest)
    return Agreement(same / len(found), of_top / len(found), of_all / len(found))
