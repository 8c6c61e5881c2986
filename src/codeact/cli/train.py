"""`codeact train`: fine-tuning on the very weights that are served."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
from rich.console import Console
from rich.text import Text

from codeact import training
from codeact.cli import consoles, describe, exits
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.cli.options import option, spread
from codeact.cli.pulling import ensure_weights
from codeact.cli.train_options import TrainOptions
from codeact.cli.train_screen import open_view, print_plan
from codeact.errors import UsageError
from codeact.models.store import Store, default_root
from codeact.training.progress import Planned, Progress

DEFAULT = "local:qwen2.5-coder-1.5b"


@spread(TrainOptions)
def train(
    options: TrainOptions,
    base: Annotated[
        str,
        option("--base", metavar="local:NAME|FILE", help="The weights to train: a model of the store, or a GGUF file."),
    ] = DEFAULT,
    out: Annotated[
        Path | None, option("--out", "-o", metavar="FOLDER", help="For the adapter and checkpoints.")
    ] = None,
    resume: Annotated[
        bool, option("--resume", help="Go on with the training in the folder, stopped or killed.")
    ] = False,
    dry_run: Annotated[
        bool, option("--dry-run", help="Count rows, tokens and steps, try how fast it goes, and train nothing.")
    ] = False,
    json: Annotated[bool, option("--json", help="Print JSON lines: the plan, each step, the end.")] = False,
) -> int:
    """Train a model on conversations, with loss on what the assistant writes: an adapter for the file that is served.

    Ctrl-C saves a checkpoint after the running step; --resume goes on from there, as it does after a crash. Several
    GPUs: `accelerate launch -m codeact train …`.
    """
    notices = consoles.notices(quiet=json)
    if not options.data:
        raise UsageError("what shall be trained on? give --data FILE, rows as `codeact instruct select` writes them")
    anyio.run(ensure_weights, Store(default_root(os.environ)), base, notices)
    words: dict[str, Any] = {
        "adapter": options.adapter,
        "general": options.general,
        "validation": options.validation,
        "home": os.environ.get("CODEACT_HOME"),
        **options.settings(),
    }
    if dry_run:
        return _say_plan(training.dry_run(base, options.data, **words), json=json)
    if out is None:
        raise UsageError("where shall the adapter go? give --out FOLDER, a new one (or --dry-run)")
    return _train(base, options.data, out, {**words, "resume": resume}, notices, json=json)


def _train(base: str, data: list[Path], out: Path, words: dict[str, Any], notices: Console, *, json: bool) -> int:
    view = open_view(notices, json=json)
    told: list[Progress] = []

    def report(progress: Progress) -> None:
        told[:] = [progress]
        view.progress(progress)

    try:
        with _stoppable(notices) as stop:
            trained = training.train(base, data, out, report=report, stop=stop, **words)
    finally:
        view.close()
    if told:  # by one process of several
        _say_end(trained, json=json)
    return exits.INTERRUPTED if trained.stopped else exits.ANSWERED


@contextmanager
def _stoppable(notices: Console) -> Generator[Callable[[], bool]]:
    """The first Ctrl-C is a wish, the second one is not."""
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        notices.print(Text("stopping after this step, with a checkpoint; Ctrl-C again stops at once"))

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


def _say_plan(plan: Planned, *, json: bool) -> int:
    if json:
        write_line(sys.stdout, plan)
    else:
        print_plan(plan, consoles.output())
    return exits.ANSWERED


def _say_end(trained: training.Trained, *, json: bool) -> None:
    place = describe.relative(trained.folder)
    if json:
        line = {"steps": trained.steps, "of": trained.of, "loss": trained.loss, "validation": trained.validation}
        write_line(sys.stdout, {"kind": "trained", "folder": str(trained.folder), **line, "seconds": trained.seconds})
        return
    validation = f", validation loss {trained.validation:.4f}" if trained.validation is not None else ""
    loss = f"loss {trained.loss:.4f}{validation}" if trained.loss is not None else "no loss yet"
    words = f"{trained.steps:,} of {trained.of:,} steps in {describe.seconds(trained.seconds)}, {loss}; {place}"
    rest = "; the same command with --resume goes on" if trained.stopped else ""
    consoles.output().print(Text(harmless(words + rest)))
