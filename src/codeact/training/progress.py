"""What a training says of itself as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codeact.training.counts import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Everything is read, nothing trained yet."""

    base: str
    counts: Mapping[str, Counts]  # by what the files are for: data, general, validation
    packs: int
    shared: int  # tokens that are not computed, because another sequence of their pack begins with them too
    filled: float  # share of the places in packs that hold a token
    steps: int
    done: int  # steps of an earlier start that is gone on with
    weights: int  # that are trained
    all_weights: int
    device: str
    seconds: float | None = None  # the whole training may take; only a dry run tries
    kind: Literal["planned"] = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """One step of the optimiser."""

    step: int
    steps: int
    epoch: float
    loss: float  # mean over the trained tokens of the step, or over its pairs
    rate: float
    norm: float  # of the gradient, before it is clipped
    tokens_per_second: float  # read, since the start
    seconds: float  # since the start
    left: float  # seconds
    margin: float | None = None  # by how much chosen ways have gained on rejected ones, where pairs are trained on
    kind: Literal["stepped"] = "stepped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """The loss on rows that are not trained on."""

    step: int
    epoch: float
    loss: float
    margin: float | None = None
    kind: Literal["validated"] = "validated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint from which the training can go on."""

    step: int
    path: Path
    kind: Literal["saved"] = "saved"


Progress = Planned | Stepped | Validated | Saved
Report = Callable[[Progress], None]


def unheard(progress: Progress) -> None:
    """The `Report` of callers who do not listen."""
