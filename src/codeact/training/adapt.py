"""What of a model is trained: an adapter of low rank beside its linear layers (LoRA), or all of it."""

# peft's annotations are open in places
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from codeact.training import attention
from codeact.training.settings import Settings

TRAINED: Final = "default"  # peft's own name of the first adapter
BEGUN: Final = "begun"  # the frozen copy of an adapter that is trained further, to compare with


def trainable(model: PreTrainedModel, settings: Settings, adapter: Path | None = None) -> PreTrainedModel | PeftModel:
    """The model made ready. An adapter begins as nothing (one matrix of two is zero), so that the first loss is the
    base's; or as `adapter`, the folder of one that is trained further.
    """
    model.config.use_cache = False
    model.set_attn_implementation(attention.NAME)
    if settings.full:
        return model.float()  # the optimiser's small steps would be lost in bfloat16
    if adapter is not None:
        further = PeftModel.from_pretrained(cast("Any", model), str(adapter), TRAINED, is_trainable=True)
        if settings.dpo:
            further.load_adapter(str(adapter), BEGUN)
        return further
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.scale,
        lora_dropout=settings.dropout,
        target_modules="all-linear",  # but the last, which writes the logits
        bias="none",
        task_type="CAUSAL_LM",
    )
    return cast("PeftModel", get_peft_model(cast("Any", model), config))


@contextmanager
def as_it_began(model: PeftModel) -> Generator[None]:
    """Within this, the model is what it was before the training: the base, or the base with the adapter it had."""
    if BEGUN not in model.peft_config:
        with model.disable_adapter():
            yield
        return
    model.set_adapter(BEGUN)
    try:
        yield
    finally:
        model.set_adapter(TRAINED)


def weights(model: torch.nn.Module) -> tuple[int, int]:
    """How many are trained, and how many there are."""
    counts = [(weight.numel(), weight.requires_grad) for weight in model.parameters()]
    return sum(count for count, trained in counts if trained), sum(count for count, _ in counts)
