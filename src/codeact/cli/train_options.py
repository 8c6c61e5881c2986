"""The options of `codeact train`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from codeact.cli.options import option
from codeact.errors import UsageError
from codeact.training.settings import Precision, Settings, TooLong


def _rows(*names: str, help: str, metavar: str | None = "FILE", min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Rows")


def _learning(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Learning")


def _machine(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """In the words of `codeact.training.train`; None leaves the default of `Settings`."""

    data: Annotated[list[Path], _rows(help="Rows to train on: JSON lines with `messages`; repeatable.")]
    general: Annotated[
        list[Path], _rows(help="Conversations of another kind to mix in, so that nothing is forgotten; repeatable.")
    ] = field(default_factory=list[Path])
    general_share: Annotated[float | None, _rows(metavar="SHARE", help="Of all tokens; default: 0.2.", min=0.0)] = None
    validation: Annotated[
        list[Path], _rows(help="Rows to measure the loss on after each epoch, and not to train on; repeatable.")
    ] = field(default_factory=list[Path])
    length: Annotated[
        int | None, _rows(metavar="TOKENS", min=1, help="Of a sequence and of a pack, at most; default: 4096.")
    ] = None
    too_long: Annotated[
        TooLong | None, _rows(metavar="cut|drop", help="Rows above the length lose their last turns (default), or go.")
    ] = None
    pack: Annotated[
        bool | None,
        _rows("--pack/--no-pack", metavar=None, help="Several sequences in one pack, each seeing only itself."),
    ] = None
    template: Annotated[Path | None, _rows(help="A chat template in place of the base's own.")] = None
    adapter: Annotated[
        Path | None, _learning(metavar="FOLDER", help="Train the adapter in the folder of an earlier training further.")
    ] = None
    full: Annotated[bool, _learning("--full", help="Train all weights, not an adapter.")] = False
    dpo: Annotated[
        bool, _learning("--dpo", help="The rows are pairs, of which one is to be preferred (instruct export --pairs).")
    ] = False
    beta: Annotated[float | None, _learning(help="Of --dpo: what leaving the base costs; default: 0.1.")] = None
    rank: Annotated[int | None, _learning(min=1, help="Of the adapter; default: 16.")] = None
    alpha: Annotated[int | None, _learning(min=1, help="The adapter's scale times its rank; default: twice that.")] = (
        None
    )
    dropout: Annotated[float | None, _learning(min=0.0, help="Of the adapter's inputs; default: 0.")] = None
    epochs: Annotated[float | None, _learning(help="How often each row is seen; default: 5.")] = None
    rate: Annotated[
        float | None,
        _learning(help="Learning rate at its peak; default: 2e-4 for an adapter, 5e-5 with --dpo, 1e-5 with --full."),
    ] = None
    warmup: Annotated[
        int | None, _learning(metavar="STEPS", min=0, help="Default: 50, or a tenth of all steps if that is less.")
    ] = None
    batch: Annotated[
        int | None, _learning(metavar="PACKS", min=1, help="Of one step; default: 8 for an adapter, 32 with --full.")
    ] = None
    seed: Annotated[int | None, _learning(help="Of order, mixing and the adapter's first weights; default: 0.")] = None
    at_once: Annotated[
        int | None, _machine(metavar="PACKS", min=1, help="Computed side by side on one device; default: 1.")
    ] = None
    checkpointing: Annotated[bool, _machine("--checkpointing", help="Less memory, more time.")] = False
    precision: Annotated[
        Precision | None,
        _machine(metavar="auto|float32|bfloat16", help="Default: bfloat16 where the machine has it."),
    ] = None
    save_every: Annotated[
        int | None, _machine(metavar="STEPS", min=1, help="A checkpoint; default: 20 times, with --full once an epoch.")
    ] = None

    def settings(self) -> dict[str, Any]:
        """What was given of the training's own settings.

        Raises:
            UsageError: the template cannot be read.
        """
        names = {setting.name for setting in fields(Settings)} - {"template"}
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name in names}
        if self.template is not None:
            try:
                given["template"] = self.template.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"cannot read the template {str(self.template)!r}: {error}") from error
        return {name: value for name, value in given.items() if value is not None}
