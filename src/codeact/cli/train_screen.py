"""What `codeact train` shows: the rows at the start, then how the loss goes."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from codeact.cli import describe
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.training.counts import Counts
from codeact.training.progress import Planned, Progress, Saved, Stepped, Validated

LINE_EVERY = 60.0  # seconds, where no bar can be drawn


class TrainView(Protocol):
    def progress(self, progress: Progress) -> None:
        """Something has happened."""
        ...

    def close(self) -> None:
        """Nothing more will."""
        ...


class JsonLines:
    """An object for each thing that happens."""

    def progress(self, progress: Progress) -> None:
        write_line(sys.stdout, progress if not isinstance(progress, Saved) else _saved(progress))

    def close(self) -> None:
        pass


class Lines:
    """A line now and then, where there is no terminal: with each tenth that is done, and each minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tenth, self._when = -1, 0.0

    def progress(self, progress: Progress) -> None:
        match progress:
            case Planned():
                print_plan(progress, self._console)
            case Stepped():
                tenth, now = 10 * progress.step // progress.steps, time.monotonic()
                if tenth != self._tenth or now > self._when + LINE_EVERY:
                    self._tenth, self._when = tenth, now
                    self._console.print(Text(f"step {progress.step:,}/{progress.steps:,}, {in_words(progress)}"))
            case Validated():
                self._console.print(Text(validated(progress)))
            case Saved():
                pass

    def close(self) -> None:
        pass


class LiveBar:
    """One bar on a terminal, with the loss beside it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bars(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
        )
        self._task = self._bar.add_task("training", total=None, words="")

    def progress(self, progress: Progress) -> None:
        match progress:
            case Planned():
                print_plan(progress, self._console)
                self._bar.start()
                self._bar.update(self._task, total=progress.steps, completed=progress.done)
            case Stepped():
                self._bar.update(self._task, completed=progress.step, words=in_words(progress))
            case Validated():
                self._console.print(Text(validated(progress)))
            case Saved():
                pass

    def close(self) -> None:
        self._bar.stop()


def in_words(progress: Stepped) -> str:
    """Loss, pace and time left, in one line."""
    parts = [f"epoch {progress.epoch:.2f}", f"loss {progress.loss:.4f}"]
    if progress.margin is not None:
        parts.append(f"margin {progress.margin:+.3f}")
    parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.left:
        parts.append(f"{describe.seconds(progress.left)} left")
    return ", ".join(parts)


def validated(progress: Validated) -> str:
    margin = "" if progress.margin is None else f", margin {progress.margin:+.3f}"
    return f"after epoch {progress.epoch:.2f}: validation loss {progress.loss:.4f}{margin}"


def print_plan(plan: Planned, console: Console) -> None:
    """The table of rows, and what will be done with them."""
    console.print(_table(plan))
    for name, counts in plan.counts.items():
        if counts.cut + counts.dropped:
            console.print(Text(f"{name}, rows above --length: {_shortened(counts)}", style="yellow"))
    share = 100 * plan.weights / plan.all_weights
    trained = f"{plan.weights:,} of {plan.all_weights:,} weights are trained ({share:.2g} %), on {plan.device}"
    console.print(Text(harmless(f"{plan.base}: {trained}")))
    goes_on = f", of which {plan.done:,} are done" if plan.done else ""
    console.print(Text(f"{plan.packs:,} packs, {100 * plan.filled:.0f} % full; {plan.steps:,} steps{goes_on}"))
    every = sum(counts.tokens for name, counts in plan.counts.items() if name != "validation")
    if plan.shared:
        words = f"{plan.shared:,} of {every:,} tokens are beginnings that others have too, and not computed again"
        console.print(Text(words))
    if plan.seconds is not None:
        console.print(Text(f"about {describe.seconds(plan.seconds)}, judged by one short sequence"))


def _table(plan: Planned) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("rows for", "rows", "sequences", "tokens", "trained", "longest", "cut", "dropped"):
        table.add_column(heading, justify="left" if heading == "rows for" else "right")
    for name, counts in plan.counts.items():
        numbers = (
            counts.rows,
            counts.sequences,
            counts.tokens,
            counts.trained,
            counts.longest,
            counts.cut,
            counts.dropped,
        )
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


def _shortened(counts: Counts) -> str:
    parts = [f"{counts.cut:,} lost their last turns ({counts.turns_cut:,} in all)"] if counts.cut else []
    if counts.dropped:
        parts.append(f"{counts.dropped:,} dropped")
    return ", ".join(parts)


def _saved(progress: Saved) -> dict[str, object]:
    return {"kind": "saved", "step": progress.step, "path": str(progress.path)}


def open_view(notices: Console, *, json: bool) -> TrainView:
    if json:
        return JsonLines()
    return LiveBar(notices) if notices.is_terminal else Lines(notices)
