"""How a model is trained. Importing this needs nothing but the standard library."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from codeact.errors import UsageError

TooLong = Literal["cut", "drop"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The defaults are the paper's (section on training) where one exists and the machine allows it."""

    full: bool = False  # train all weights, and not an adapter of low rank (LoRA)
    dpo: bool = False  # the rows are pairs, and what is learned is to prefer one to the other (DPO)
    beta: float = 0.1  # of DPO: how much it costs to leave the base
    rank: int = 16  # of the adapter's matrices, in every linear layer but the last
    alpha: int | None = None  # the adapter counts alpha / rank times; None: twice the rank
    dropout: float = 0.0  # of the adapter's inputs
    epochs: float = 5.0
    rate: float | None = None  # None: 1e-5 for all weights, as the paper; 2e-4 for an adapter, 5e-5 by DPO
    warmup: int | None = None  # steps; None: 50 as the paper, or a tenth of all steps if that is less
    decay: float = 0.1  # the cosine ends at this share of the rate
    weight_decay: float = 0.01
    clip: float = 1.0  # most a gradient's norm may be
    length: int = 4096  # tokens of a pack, and of a sequence at most
    batch: int | None = None  # packs of a step, on all devices together; None: 32 for all weights, 8 for an adapter
    at_once: int = 1  # packs computed side by side on one device; the result is the same but for rounding
    pack: bool = True  # several sequences in one row, each seeing only itself
    too_long: TooLong = "cut"  # what happens to rows above the length: drop their last turns, or the row
    general_share: float = 0.2  # of all tokens, where general conversations are mixed in
    seed: int = 0
    save_every: int | None = None  # steps; None: twenty times in a training, for all weights once an epoch
    checkpointing: bool = False  # compute activations twice and keep few: slower, and far less memory
    precision: Precision = "auto"  # bfloat16 where the GPU or the processor has it, else float32
    template: str | None = None  # a chat template (text), in place of the base's own

    def __post_init__(self) -> None:
        for name in ("rank", "alpha", "epochs", "rate", "length", "batch", "at_once", "save_every", "clip", "beta"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} of a training must be positive, not {value!r}")
        for name in ("decay", "general_share", "dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise UsageError(f"{name} of a training is a share, at least 0 and below 1, not {value!r}")
        for name, kinds in (("too_long", TooLong), ("precision", Precision)):
            if getattr(self, name) not in get_args(kinds):
                raise UsageError(
                    f"{name} of a training is one of {', '.join(get_args(kinds))}, not {getattr(self, name)!r}"
                )
        if self.warmup is not None and self.warmup < 0:
            raise UsageError(f"warmup of a training cannot be {self.warmup!r} steps")

        if self.dpo and self.full:
            raise UsageError("dpo trains an adapter, because the base without it is what it is compared with; no full")

    @property
    def scale(self) -> int:
        return self.alpha or 2 * self.rank

    @property
    def peak_rate(self) -> float:
        return self.rate or (1e-5 if self.full else 5e-5 if self.dpo else 2e-4)

    @property
    def packs_per_step(self) -> int:
        return self.batch or (32 if self.full else 8)

    def warmup_steps(self, steps: int) -> int:
        return min(50, -(-steps // 10)) if self.warmup is None else self.warmup


def read_settings(options: dict[str, Any]) -> Settings:
    """Keyword arguments as settings.

    Raises:
        UsageError: one is unknown, or has a value that cannot be.
    """
    known = [setting.name for setting in fields(Settings)]
    for name in options:
        if name not in known:
            raise UsageError(f"a training has no option {name!r}; it has {', '.join(known)}")
    return Settings(**options)
