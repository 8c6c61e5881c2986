"""Fetching model weights in front of a person: what, how much and from where first, then how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from codeact.cli import describe
from codeact.cli.escape import harmless
from codeact.models.store import SourceKind, Store
from codeact.models.weights import PullProgress

LOCAL = "local:"
LINE_EVERY = 10  # percent, where no bar can be drawn


async def ensure_weights(store: Store, spec: str, console: Console) -> None:
    """Fetch the weights that a `local:NAME` model needs, unless they are here or are not ours to fetch.

    Raises:
        WeightsError: they cannot be had.
    """
    name = store.resolve(spec.removeprefix(LOCAL)).base
    here = {entry.name for entry in store.list()}
    if spec.startswith(LOCAL) and name in store.known and name not in here:
        await pull(store, name, console)


async def pull(store: Store, name: str, console: Console, source: SourceKind | None = None) -> Path:
    """`Store.pull`, watched."""
    name = store.resolve(name).base
    weights = store.known.get(name)
    if weights is not None:
        words = f"fetching {name}, once: {describe.size(weights.size)} into {store.root} (licence {weights.licence})"
        console.print(Text(words))
    with Watched(console) as watched:
        return await store.pull(name, watched.report, source=source)


class Watched:
    """A progress bar on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._stages: dict[str, _Stage] = {}

    def __enter__(self) -> Watched:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, progress: PullProgress) -> None:
        words = f"{progress.stage} {progress.name}" + (f" from {progress.source}" if progress.source else "")
        stage = self._stages.get(words)
        if stage is None:
            stage = self._stages[words] = _Stage(self._bar.add_task(harmless(words), total=progress.total))
        self._bar.update(stage.task, completed=progress.done)
        if progress.note and progress.note != stage.note:
            stage.note = progress.note
            self._console.print(Text(f"» {harmless(progress.note)}", style="yellow"))
        percent = 100 * progress.done // max(progress.total, 1)
        if self._bar.disable and percent >= stage.said + LINE_EVERY:
            stage.said = percent
            amount = f"{describe.size(progress.done)} of {describe.size(progress.total)}"
            self._console.print(Text(f"{harmless(words)}: {percent} % ({amount})"))


@dataclass(slots=True)
class _Stage:
    """One line of progress, and what was said of it."""

    task: TaskID
    said: int = 0  # percent
    note: str = ""
