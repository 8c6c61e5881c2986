"""Where `Trainer` calls us: reports, pictures, marks on checkpoints, and the wish to stop."""

# transformers' annotations are open in places
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from codeact.errors import UsageError
from codeact.training.folder import Folder
from codeact.training.plot import draw_loss
from codeact.training.progress import Report, Saved, Stepped, Validated

if TYPE_CHECKING:
    from codeact.training.trainer import AssistantTrainer

DRAW_EVERY = 15.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast it goes since this process began."""

    begun: float = field(default_factory=time.monotonic)
    first: int = 0  # the step that it began with
    earlier: float = 0.0  # seconds of starts before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun


class Telling(TrainerCallback):
    """Tells `report` what happens, in the process that writes the files."""

    def __init__(
        self, folder: Folder, report: Report, stop: Callable[[], bool], *, earlier: float, validates: bool
    ) -> None:
        self._folder = folder
        self._report = report
        self._stop = stop
        self._validates = validates
        self._pace = Pace(earlier=earlier)
        self._drawn = 0.0
        self.trainer: AssistantTrainer | None = None  # set once it is there: each needs the other
        self.stopped = False

    def _asked_to_stop(self) -> bool:
        """All processes stop or none: Ctrl-C does not reach each of them in the same step."""
        asked = torch.tensor(float(self._stop()))
        return bool(reduce(asked.to(PartialState().device), "sum"))

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._pace = replace(self._pace, begun=time.monotonic(), first=state.global_step)
        state.save_steps = int(args.save_steps)  # a checkpoint brings its own, and --save-every may have changed

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """An epoch is validated in its last step, before a checkpoint of that step is written: so one who goes on from
        there has the loss.
        """
        last = state.global_step >= state.max_steps
        control.should_evaluate = self._validates and (last or (state.epoch or 0.0).is_integer())
        if not last and self._asked_to_stop():
            self.stopped = control.should_save = control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.stopped:
            control.should_save = False

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        logs: dict[str, float] = kwargs["logs"]
        if "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise UsageError(f"the loss of step {state.global_step} is no number any more; lower --rate")
        if state.is_world_process_zero:
            self._report(self._stepped(args, state, logs))
            if time.monotonic() > self._drawn + DRAW_EVERY:
                self.draw(state)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            found: dict[str, float] = kwargs["metrics"]
            loss, margin = found["eval_loss"], found.get("eval_margin")
            self._report(Validated(step=state.global_step, epoch=state.epoch or 0.0, loss=loss, margin=margin))
            self.draw(state)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            path = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            self._folder.mark(path, self.seconds)
            self._report(Saved(step=state.global_step, path=path))

    @property
    def seconds(self) -> float:
        """Of training, over all starts."""
        return self._pace.earlier + self._pace.seconds

    def draw(self, state: TrainerState) -> None:
        """The picture as it is now; earlier starts of a resumed training are in it."""
        draw_loss(self._folder.plot, curve(state, "loss"), curve(state, "eval_loss"))
        self._drawn = time.monotonic()

    def _stepped(self, args: TrainingArguments, state: TrainerState, logs: dict[str, float]) -> Stepped:
        seconds = max(self._pace.seconds, 1e-9)
        done = state.global_step - self._pace.first
        read = self.trainer.tokens_read * args.world_size if self.trainer else 0
        return Stepped(
            step=state.global_step,
            steps=state.max_steps,
            epoch=state.epoch or 0.0,
            loss=logs["loss"],
            rate=logs["learning_rate"],
            norm=logs.get("grad_norm", 0.0),
            tokens_per_second=read / seconds,
            seconds=seconds,
            left=seconds / done * (state.max_steps - state.global_step) if done else 0.0,
            margin=logs.get("margin"),
        )


def curve(state: TrainerState, name: str) -> list[tuple[int, float]]:
    """(step, value) of all that was logged under a name."""
    return [(int(entry["step"]), float(entry[name])) for entry in state.log_history if name in entry]
