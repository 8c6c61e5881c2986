"""What of a model is trained: an adapter of low rank beside its linear layers (LoRA), or all of it."""

# peft's annotations are open in places
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from codeact.training import attention
from codeact.training.settings import Settings


def trainable(model: PreTrainedModel, settings: Settings) -> PreTrainedModel | PeftModel:
    """The model made ready. An adapter begins as nothing (one matrix of two is zero): the first loss is the base's."""
    model.config.use_cache = False
    model.set_attn_implementation(attention.NAME)
    if settings.full:
        return model.float()  # the optimiser's small steps would be lost in bfloat16
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.scale,
        lora_dropout=settings.dropout,
        target_modules="all-linear",  # but the last, which writes the logits
        bias="none",
        task_type="CAUSAL_LM",
    )
    return cast("PeftModel", get_peft_model(cast("Any", model), config))


def weights(model: torch.nn.Module) -> tuple[int, int]:
    """How many are trained, and how many there are."""
    counts = [(weight.numel(), weight.requires_grad) for weight in model.parameters()]
    return sum(count for count, trained in counts if trained), sum(count for count, _ in counts)
