"""`codeact view`: a recorded run, shown as it was when it ran."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.text import Text

from codeact.cli import consoles
from codeact.cli.escape import harmless
from codeact.cli.options import option
from codeact.cli.records import RecordFile, read_records
from codeact.cli.screen import Screen
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
TITLE_WORDS = 8  # of the task, in the picture's title bar


def view(
    file: RecordFile,
    step: Annotated[int | None, option("--step", metavar="N", min=1, help="Show this step only.")] = None,
    svg: Annotated[Path | None, option("--svg", metavar="FILE", help="Draw the terminal into an SVG file.")] = None,
) -> int:
    """Show a recorded run: thoughts, code, output, answer."""
    trajectories = read_records(file)
    console = consoles.output() if svg is None else _recording()
    for trajectory in trajectories:
        show(Screen(console), trajectory, step)
    if svg is not None:
        _write_svg(console, svg, trajectories[-1])
    return 0


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


def _recording() -> Console:
    return Console(
        record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", width=SVG_WIDTH, highlight=False
    )


def _write_svg(console: Console, path: Path, trajectory: Trajectory) -> None:
    words = trajectory.task.split()
    title = f'codeact run "{" ".join(words[:TITLE_WORDS])}{"…" if len(words) > TITLE_WORDS else ""}"'
    try:
        path.write_text(console.export_svg(title=harmless(title)), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from error
