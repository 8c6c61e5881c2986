"""`codeact view`: a recorded run, shown as it was when it ran; of results files see `view_results`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from codeact.cli import consoles
from codeact.cli.escape import harmless
from codeact.cli.options import option
from codeact.cli.records import read_records
from codeact.cli.screen import Screen
from codeact.cli.view_results import Filter, is_results, view_results
from codeact.cli.views import print_outcome
from codeact.errors import UsageError
from codeact.events import (
    ActionFinished,
    Answered,
    DisplayShown,
    Event,
    Finished,
    Observed,
    OutputChunk,
    ReplyParsed,
    TextDelta,
    ToolCalled,
    ToolReturned,
    TurnStarted,
)
from codeact.sandbox.box.values import from_json
from codeact.types import ExecResult, Result, Step, ToolCall, ToolRecord, Trajectory

SVG_WIDTH = 100  # columns
RESULTS_SVG_WIDTH = 160
TITLE_WORDS = 8  # of the task, in the picture's title bar

RecordFiles = Annotated[
    list[Path], typer.Argument(metavar="FILE…", help="The trajectory.jsonl of a run, or results files of a bench.")
]


def _results(*names: str, help: str, metavar: str | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, panel="Results files")


def view(
    files: RecordFiles,
    step: Annotated[int | None, option("--step", metavar="N", min=1, help="Show this step only.")] = None,
    svg: Annotated[Path | None, option("--svg", metavar="FILE", help="Draw the terminal into an SVG file.")] = None,
    task: Annotated[
        str | None, _results("--task", metavar="NAME", help="Only this task, or those of a pattern with * and ?.")
    ] = None,
    actions: Annotated[str, _results("--actions", metavar="FORMAT,…", help="Only these formats.")] = "",
    seed: Annotated[int | None, _results("--seed", metavar="SEED", help="Only this seed.")] = None,
    wrong: Annotated[bool, _results("--wrong", help="Only tasks that failed in one of the formats.")] = False,
) -> int:
    """Show a recorded run: thoughts, code, output, answer.

    Of results files of `bench`, list the episodes; if one task with one seed is left, show what it did in each format,
    side by side.
    """
    wanted = Filter(task=task, actions=tuple(filter(None, actions.split(","))), seed=seed, wrong=wrong)
    if any(map(is_results, files)):
        console = consoles.output() if svg is None else _recording(RESULTS_SVG_WIDTH)
        view_results(console, files, wanted, step)
        title = f"codeact view {files[0].name}"
    else:
        title = _view_run(console := consoles.output() if svg is None else _recording(), files, wanted, step)
    if svg is not None:
        _write_svg(console, svg, title)
    return 0


def _view_run(console: Console, files: Sequence[Path], wanted: Filter, step: int | None) -> str:
    if len(files) > 1 or wanted != Filter():
        raise UsageError(f"{str(files[0])!r} is no results file; of a run, give one record and no filter")
    trajectories = read_records(files[0])
    for trajectory in trajectories:
        show(Screen(console), trajectory, step)
    words = trajectories[-1].task.split()
    return f'codeact run "{" ".join(words[:TITLE_WORDS])}{"…" if len(words) > TITLE_WORDS else ""}"'


def show(screen: Screen, trajectory: Trajectory, only: int | None = None) -> None:
    """Print one trajectory, or one of its steps.

    Raises:
        UsageError: there is no such step.
    """
    if only is not None and not 1 <= only <= len(trajectory.steps):
        raise UsageError(f"there is no step {only}; the record has {len(trajectory.steps)}")
    if only is None:
        screen.print(Text(harmless(trajectory.task.strip()), style="bold"))
        screen.console.print()
    for step in trajectory.steps:
        if only in (None, step.number):
            for event in events_of(step):
                screen.emit(event)
    if only is None:
        _show_end(screen, trajectory)


def events_of(step: Step) -> Iterator[Event]:
    """The events that a step had when it happened, as far as the record tells."""
    yield TurnStarted(step.number)
    yield TextDelta(step.completion.text)
    if step.reply is not None:
        yield ReplyParsed(step.reply)
    if step.result is not None:
        yield from _result_events(step.result)
    if step.observation is not None:
        yield Observed(step.observation)


def _result_events(result: Result) -> Iterator[Event]:
    records = result.tool_calls if isinstance(result, ExecResult) else result.records
    for record in records:
        yield ToolCalled(_call(record))
        yield ToolReturned(record)
    if isinstance(result, ExecResult):
        yield OutputChunk(result.stdout)
        yield OutputChunk(result.stderr, "stderr")
        for display in result.displays:
            yield DisplayShown(display)
    yield ActionFinished(result)


def _call(record: ToolRecord) -> ToolCall:
    try:
        return ToolCall(record.name, tuple(from_json(record.args)), from_json(record.kwargs), record.id)
    except ValueError:  # an argument too large for the record
        return ToolCall(record.name, (Ellipsis,), {}, record.id)


def _show_end(screen: Screen, trajectory: Trajectory) -> None:
    outcome = trajectory.outcome
    if outcome is None:
        screen.note("the record ends here: the run was cut off")
        return
    if outcome.answer is not None:
        screen.emit(Answered(outcome.answer))
    screen.emit(Finished(outcome))
    if outcome.status == "error":
        screen.note(outcome.message)
    print_outcome(screen, outcome, len(trajectory.steps))


def _recording(width: int = SVG_WIDTH) -> Console:
    return Console(
        record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width, highlight=False
    )


def _write_svg(console: Console, path: Path, title: str) -> None:
    try:
        path.write_text(console.export_svg(title=harmless(title)), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from error
