"""The loop of transformers' `Trainer`, with our loss: the mean over trained tokens of a whole step.

`Trainer` carries what is not ours to write: accumulation, clipping, mixed precision, checkpoints with the state of the
optimiser and of all random numbers, several devices through accelerate. trl's `SFTTrainer` is not used: what it adds
(templates, masks, packing) is what has to be exact here, and its packing needs flash attention, which no CPU has.
"""

# transformers' annotations leave much of what is overridden here open
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from codeact.errors import UsageError
from codeact.training.attention import branches
from codeact.training.packing import Pack, collate
from codeact.training.sequences import IGNORED
from codeact.training.settings import Settings

Batch = dict[str, torch.Tensor]


class AssistantTrainer(Trainer):
    """Trains on what the assistant writes; counts the tokens that it has read."""

    collate = staticmethod(collate)

    def __init__(
        self,
        model: PreTrainedModel | PeftModel,
        arguments: TrainingArguments,
        packs: Sequence[Pack],
        validation: Sequence[Pack],
        callback: TrainerCallback,
        settings: Settings,
    ) -> None:
        self.validation = validation
        self.settings = settings
        self.tokens_read = 0  # by this process, since it began
        super().__init__(
            model=cast("PreTrainedModel", model),
            args=arguments,
            train_dataset=cast("Any", packs),
            eval_dataset=cast("Any", validation or None),
            data_collator=cast("Any", self.collate),
            callbacks=[callback],
        )
        self.remove_callback(PrinterCallback)  # our own callback tells what happens
        self.model_accepts_loss_kwargs = True  # so that the trained tokens of a step are counted, and given to us

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The sum over trained tokens, divided by their number in the whole step, on all devices together."""
        total, count = self.summed(model, inputs)
        self.tokens_read += inputs["input_ids"].numel()
        if num_items_in_batch is None:
            return total / count
        return total / num_items_in_batch * self.accelerator.num_processes  # gradients are averaged over processes

    def summed(self, model: torch.nn.Module, inputs: Batch) -> tuple[torch.Tensor, int]:
        """The loss, and over how many it is the sum: here, trained tokens."""
        losses, _ = token_losses(model, inputs)
        return losses.sum(), len(losses)

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        """Linear warm-up, then a cosine down to a share of the rate, as in the paper. transformers' own has a rate of 0
        in the first step, so that a training of one step would train nothing.
        """
        over = cast("torch.optim.Optimizer", optimizer or self.optimizer)
        self.lr_scheduler = LambdaLR(over, partial(share_of_rate, self.settings, num_training_steps))
        return self.lr_scheduler

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The loss on validation. Each process computes all of it: it is small."""
        model = cast("torch.nn.Module", self.model)
        was_training = model.training
        model.eval()
        total = count = 0.0
        with torch.no_grad(), self.compute_loss_context_manager():
            for pack in self.validation:
                inputs = cast("Batch", self._prepare_inputs(cast("Any", self.collate([pack]))))
                loss, counted = self.summed(model, inputs)
                total, count = total + loss.item(), count + counted
        model.train(was_training)
        metrics = {"eval_loss": total / count}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, cast("Any", metrics))
        return metrics


def token_losses(model: torch.nn.Module, inputs: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of each trained token, and its place in the row: (K,) both.

    Logits are computed only where a trained token follows: over a vocabulary of 150,000 they are a third of the work of
    a small model, and more memory than all else.
    """
    targets = inputs["labels"][0, 1:]  # (T - 1,): place t foretells the token at t + 1
    wanted = (targets != IGNORED).nonzero().squeeze(-1)  # (K,)
    logits = model(
        input_ids=inputs["input_ids"],
        position_ids=inputs["position_ids"],
        row=branches(inputs["position_ids"][0].tolist()),  # who sees whom, for `attention`
        logits_to_keep=wanted,
        use_cache=False,
    ).logits[0]  # (K, V)
    return cross_entropy(logits.float(), targets[wanted], reduction="none"), wanted + 1


def share_of_rate(settings: Settings, steps: int, step: int) -> float:
    """Of the peak rate, in the step of this number, counted from 0."""
    warmup = settings.warmup_steps(steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return settings.decay + (1 - settings.decay) * (1 + math.cos(math.pi * done)) / 2


def arguments(settings: Settings, folder: Path, *, steps: int) -> TrainingArguments:
    """Our settings in transformers' terms.

    Raises:
        UsageError: the batch cannot be divided among the devices.
    """
    cuda = torch.cuda.is_available()
    made = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        learning_rate=settings.peak_rate,
        optim="adamw_torch",
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        per_device_train_batch_size=settings.at_once,
        gradient_checkpointing=settings.checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=in_bfloat16(settings),
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number is to be seen
        eval_strategy="no",  # `Telling` says when
        save_strategy="steps" if settings.save_every or not settings.full else "epoch",
        save_steps=settings.save_every or -(-steps // 20),
        save_total_limit=2,
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
    )
    made.gradient_accumulation_steps = _rounds(settings, made.world_size)
    # one process, one device: `accelerate launch` starts a process for each, and torch's own way of doing it would
    # split arguments that must not be split
    setattr(made, "_n_gpu", min(made.n_gpu, 1))  # noqa: B010 -- the name that transformers has for it
    return made


def in_bfloat16(settings: Settings) -> bool:
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    can = torch.cpu.get_capabilities()  # without these a processor computes bfloat16 more slowly than float32
    return any(can.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _rounds(settings: Settings, devices: int) -> int:
    """How often each device computes in a step."""
    rounds, rest = divmod(settings.packs_per_step, settings.at_once * devices)
    if rest or not rounds:
        each = f"{settings.at_once} at once on {devices} devices" if devices > 1 else f"{settings.at_once} at once"
        raise UsageError(f"--batch {settings.packs_per_step} cannot be divided into {each}; give a multiple")
    return rounds
