"""Fine-tuning on the very weights that are served (paper, section on training).

Where this differs from the paper: an adapter of low rank is the default and all weights are the option; the mask is
not shifted (see `chat`); what is too long loses whole turns and is not cut; batches are smaller for small sets.
"""

# the libraries' annotations are open in places, and accelerate has none
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerFast, TrainerState, set_seed
from transformers.utils import logging

from codeact.models.gguf import read_header
from codeact.training import adapt, shortage
from codeact.training.base_model import load_base
from codeact.training.base_tokenizer import ARRAYS, read_tokenizer
from codeact.training.bases import Base, find_base
from codeact.training.begun import Begun, read_begun
from codeact.training.callback import Telling, curve
from codeact.training.chat import Chat, Tokenizer
from codeact.training.data import Files, Prepared, prepare
from codeact.training.folder import Folder
from codeact.training.gguf_adapter import write_gguf_adapter
from codeact.training.preference import PreferenceTrainer
from codeact.training.probe import tokens_per_second
from codeact.training.progress import Planned, Report, unheard
from codeact.training.settings import Settings, read_settings
from codeact.training.trainer import AssistantTrainer, arguments, in_bfloat16

_VERSIONS = ("codeact", "torch", "transformers", "peft", "accelerate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a training ended."""

    folder: Path
    steps: int
    of: int  # steps in the whole training; fewer were done if it was stopped
    loss: float | None  # of the last step
    validation: float | None  # the loss after the last epoch
    seconds: float  # over all starts

    @property
    def stopped(self) -> bool:
        return self.steps < self.of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be done, as given."""

    base: Base
    files: Files
    hashes: Mapping[str, str]  # of the files as they were at the start: hours later another may be in a file's place
    settings: Settings
    begun: Begun | None = None

    def as_json(self) -> dict[str, Any]:
        """What tells this training from others: another of these is another result."""
        begun = {"adapter": self.begun.sha256} if self.begun else {}
        return {"base": self.base.sha256, "files": dict(self.hashes), "settings": asdict(self.settings), **begun}


def train(
    base: str | Path,
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    adapter: str | Path | None = None,
    general: Sequence[str | Path] = (),
    validation: Sequence[str | Path] = (),
    home: str | Path | None = None,
    resume: bool = False,
    report: Report = unheard,
    stop: Callable[[], bool] = lambda: False,
    **options: Any,
) -> Trained:
    """Train on rows, and write an adapter (or, with `full=True`, a whole model) into the folder `out`.

    `base` is `local:NAME` of the store below `home` (by default the user's own) or the path of a GGUF file. `general`
    are other conversations to mix in, `validation` rows to watch the loss on. `adapter` is the folder of an earlier
    training of the same base, whose adapter is trained further and keeps its rank. `stop` is asked after each step:
    once it says yes, a checkpoint is written, and `resume` goes on from there, as it does after a crash. The other
    options are the fields of `Settings`. Blocks until the end; on several devices each process calls this (`accelerate
    launch`).

    Raises:
        UsageError: an option, a file or the folder is wrong, or the template does not say what is trained.
        WeightsError: the base is not here or broken.
        SetupError: out of memory (says what to lower), or the folder cannot be written, or its disk is full.
    """
    order = _order(base, data, adapter, general, validation, home, options)
    folder = Folder(Path(out))
    start = order.as_json()
    process = PartialState(cpu=not torch.cuda.is_available())
    with (
        folder.held() if process.is_local_main_process else nullcontext(),
        _quiet(),
        shortage.explained(order.settings),
    ):
        checkpoint = folder.check(start, resume=resume)
        process.wait_for_everyone()  # all have looked before one writes
        model, prepared = _ready(order)
        earlier = folder.seconds(checkpoint)
        telling = Telling(folder, report, stop, earlier=earlier, validates=bool(prepared.validation))
        trainer = _trainer(order, folder, model, prepared, telling)
        if process.is_main_process:
            folder.write(folder.start, start)  # now that nothing of it has been refused
        done = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
        if process.is_main_process:
            report(_planned(order, prepared, model, done=done))
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        trained = _trained(folder, trainer.state, telling)
        if process.is_main_process and not trained.stopped:
            telling.draw(trainer.state)
            _write(order, folder, model, trainer.state, trained)
    return trained


def dry_run(
    base: str | Path,
    data: str | Path | Sequence[str | Path],
    *,
    adapter: str | Path | None = None,
    general: Sequence[str | Path] = (),
    validation: Sequence[str | Path] = (),
    home: str | Path | None = None,
    **options: Any,
) -> Planned:
    """What `train` would do with the same arguments, and about how long: a short sequence is trained once to see.
    Nothing is written.

    Raises:
        UsageError: as `train` does.
        WeightsError: as `train` does.
        SetupError: as `train` does.
    """
    order = _order(base, data, adapter, general, validation, home, options)
    with _quiet(), shortage.explained(order.settings):
        model, prepared = _ready(order)
        tokens = sum(map(len, prepared.packs)) * order.settings.epochs
        if order.settings.dpo:
            tokens *= 4 / 3  # the base is asked too: forwards only, a third of what a step takes
        rate = tokens_per_second(model, prepared, in_bfloat16(order.settings))
        return _planned(order, prepared, model, done=0, seconds=tokens / rate)


def _order(
    base: str | Path,
    data: str | Path | Sequence[str | Path],
    adapter: str | Path | None,
    general: Sequence[str | Path],
    validation: Sequence[str | Path],
    home: str | Path | None,
    options: dict[str, Any],
) -> _Order:
    found = find_base(base, home)
    begun = None if adapter is None else read_begun(Path(adapter), found)
    settings = read_settings(begun.settled(options) if begun else options)
    first = (data,) if isinstance(data, (str, Path)) else data
    files = Files(data=_paths(first), general=_paths(general), validation=_paths(validation))
    return _Order(base=found, files=files, hashes=files.hashes(), settings=settings, begun=begun)


def _paths(given: Sequence[str | Path]) -> tuple[Path, ...]:
    return tuple(Path(path) for path in given)


def _ready(order: _Order) -> tuple[PreTrainedModel | PeftModel, Prepared]:
    """The data first: what is wrong with them should be known before anything large is loaded."""
    settings, path = order.settings, order.base.path
    chat = Chat(cast("Tokenizer", _tokenizer(path)), order.base.name, settings.template)
    prepared = prepare(order.files, chat, settings)
    dtype = torch.bfloat16 if in_bfloat16(settings) and not settings.full else torch.float32
    model, _ = load_base(path, dtype=dtype)
    set_seed(settings.seed)  # before the adapter's first weights are drawn
    return adapt.trainable(model, settings, order.begun.folder if order.begun else None), prepared


def _tokenizer(path: Path) -> PreTrainedTokenizerFast:
    return read_tokenizer(read_header(path, ARRAYS), path)


def _trainer(
    order: _Order, folder: Folder, model: PreTrainedModel | PeftModel, prepared: Prepared, telling: Telling
) -> AssistantTrainer:
    settings = order.settings
    steps = prepared.steps(settings)
    made = arguments(settings, folder.checkpoints, steps=steps)
    kind = PreferenceTrainer if settings.dpo else AssistantTrainer
    trainer = kind(model, made, prepared.packs, prepared.validation, telling, settings)
    telling.trainer = trainer
    return trainer


def _planned(
    order: _Order, prepared: Prepared, model: torch.nn.Module, *, done: int, seconds: float | None = None
) -> Planned:
    trained, every = adapt.weights(model)
    return Planned(
        base=order.base.name,
        counts=prepared.counts,
        packs=len(prepared.packs),
        shared=prepared.shared,
        filled=prepared.filled,
        steps=prepared.steps(order.settings),
        done=done,
        weights=trained,
        all_weights=every,
        device=_device(),
        seconds=seconds,
    )


def _trained(folder: Folder, state: TrainerState, telling: Telling) -> Trained:
    losses, validated = curve(state, "loss"), curve(state, "eval_loss")
    return Trained(
        folder=folder.path,
        steps=state.global_step,
        of=state.max_steps,
        loss=losses[-1][1] if losses else None,
        validation=validated[-1][1] if validated else None,
        seconds=telling.seconds,
    )


def _write(
    order: _Order, folder: Folder, model: PreTrainedModel | PeftModel, state: TrainerState, trained: Trained
) -> None:
    """The results; the report last, since it says that the training is finished."""
    if isinstance(model, PeftModel):
        model.save_pretrained(str(folder.path), selected_adapters=[adapt.TRAINED])
        (folder.path / "README.md").unlink(missing_ok=True)  # peft's form of a model card, with nothing filled in
        write_gguf_adapter(
            model, folder.path / "adapter.gguf", base=order.base.path, provenance=_provenance(order, trained)
        )
    else:
        model.save_pretrained(str(folder.path))
        _tokenizer(order.base.path).save_pretrained(str(folder.path))
    folder.write(folder.report, _report(order, state, trained))
    folder.clear()


def _provenance(order: _Order, trained: Trained) -> dict[str, str]:
    """What an adapter itself should say of where it comes from."""
    hashes = {name.replace(" ", "_") + "_sha256": value for name, value in order.hashes.items()}
    begun = {"begun_with_sha256": order.begun.sha256} if order.begun else {}
    return {**hashes, **begun, "seed": str(order.settings.seed), "steps": str(trained.steps)}


def _report(order: _Order, state: TrainerState, trained: Trained) -> Mapping[str, Any]:
    groups = {"data": order.files.data, "general": order.files.general, "validation": order.files.validation}
    return {
        "schema": 1,
        "base": {"name": order.base.name, "sha256": order.base.sha256},
        **({"adapter": {"name": order.begun.folder.name, "sha256": order.begun.sha256}} if order.begun else {}),
        "data": [
            {"for": group, "file": path.name, "sha256": order.hashes[f"{group} {number}"]}
            for group, paths in groups.items()
            for number, path in enumerate(paths, 1)
        ],
        "settings": asdict(order.settings),
        "seed": order.settings.seed,
        "precision": "bfloat16" if in_bfloat16(order.settings) else "float32",  # what `auto` came to
        "versions": {name: version(name) for name in _VERSIONS},
        "steps": trained.steps,
        "losses": curve(state, "loss"),
        "validation_losses": curve(state, "eval_loss"),
        **({"margins": curve(state, "margin")} if order.settings.dpo else {}),
        "seconds": round(trained.seconds, 1),
        "machine": {"device": _device(), "cores": os.cpu_count(), "system": platform.platform()},
    }


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} processor"


@contextmanager
def _quiet() -> Generator[None]:
    """What the libraries tell their own users is not for ours, nor what they warn each other of."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            for kind in (DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", kind)
            yield
    finally:
        logging.set_verbosity(before)
