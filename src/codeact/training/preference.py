"""Direct preference optimisation (Rafailov et al. 2023): of two ways in which a conversation went on, prefer one.

The loss of a pair is -log σ(β ((log π(c) - log ρ(c)) - (log π(r) - log ρ(r)))), where π(c) is what the trained model
makes of all that the assistant says in the chosen way, and ρ(c) what the base does. The base is the same model without
its adapter, or with the one that is trained further as that was, so nothing large is loaded twice; and the beginning
that both ways share is computed once (see `packing`).
"""

# torch's and transformers' annotations are open in places
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from codeact.training.adapt import as_it_began
from codeact.training.packing import Pack, collate, side_by_side
from codeact.training.trainer import AssistantTrainer, Batch, token_losses


def collate_pairs(packs: Sequence[Pack]) -> Batch:
    """As `collate`, with the number of the sequence of each token: chosen ones are even, those rejected follow them."""
    sequences = [sequence for pack in packs for sequence in pack.sequences]
    numbers = {id(sequence): number for number, sequence in enumerate(sequences)}
    of = [np.full(len(each) - shared, numbers[id(each)]) for each, shared in side_by_side(sequences)]
    return {**collate(packs), "sequences": torch.from_numpy(np.concatenate(of))[None]}


def log_probabilities(model: torch.nn.Module, inputs: Batch) -> torch.Tensor:
    """(S,): of all trained tokens of each sequence together."""
    losses, places = token_losses(model, inputs)
    of = inputs["sequences"][0]
    return torch.zeros(int(of.max()) + 1, device=losses.device).index_add(0, of[places], -losses)


def margins(trained: torch.Tensor, base: torch.Tensor, beta: float) -> torch.Tensor:
    """(S / 2,): by how much each chosen way has gained on the one rejected, since the base."""
    gained = trained - base
    return beta * (gained[0::2] - gained[1::2])


class PreferenceTrainer(AssistantTrainer):
    """Trains on pairs; the loss is their mean, and the log says how far they are apart."""

    collate = staticmethod(collate_pairs)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.model_accepts_loss_kwargs = False  # it would count tokens; the mean over pairs is a mean of means
        self._margins: list[float] = []  # since the last line of the log

    def summed(self, model: torch.nn.Module, inputs: Batch) -> tuple[torch.Tensor, int]:
        """The loss over pairs."""
        with torch.no_grad(), as_it_began(self.accelerator.unwrap_model(model)):
            base = log_probabilities(model, inputs)
        trained = log_probabilities(model, inputs)
        found = margins(trained, base, self.settings.beta)
        self._margins += found.detach().tolist()
        return -logsigmoid(found).sum(), len(found)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """With the mean margin, of training or of validation."""
        name = "eval_margin" if "eval_loss" in logs else "margin"
        if self._margins and ("loss" in logs or "eval_loss" in logs):
            logs[name] = sum(self._margins) / len(self._margins)
            self._margins = []
        super().log(logs, start_time)
