"""The ways a run is shown: to a person, to a program, or by its answer alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.text import Text

from codeact.cli import describe
from codeact.cli.artifacts import RunFolder, Saved
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import plain, write_line
from codeact.cli.screen import Screen
from codeact.events import DisplayShown, Event, Finished, TurnStarted
from codeact.types import JSON, Display, Outcome, OutcomeStatus

RAISED_BY: dict[OutcomeStatus, str] = {"turn_limit": "--turns", "token_limit": "--tokens", "time_limit": "--time"}


@dataclass(slots=True)
class Report:
    """What is known of a run while it runs and after, whatever becomes of it."""

    folder: RunFolder
    model: str = ""
    turns: int = 0
    outcome: Outcome | None = None

    def note(self, event: Event) -> None:
        """Take what counts from an event. Figures are brought out at once: who waits can look at them."""
        match event:
            case TurnStarted(number):
                self.turns = number
            case DisplayShown(display):
                self._save_figure(display)
            case Finished(outcome):
                self.outcome = outcome
            case _:
                pass

    def _save_figure(self, display: Display) -> None:
        figure = next((data for mime, data in display.data.items() if mime.startswith("image/")), None)
        if display.name is not None and figure is not None:
            self.folder.save(display.name, figure.encode() if isinstance(figure, str) else figure)


class View(Protocol):
    def emit(self, event: Event) -> None: ...

    def finish(self, report: Report) -> None:
        """Called once, when the files have been brought out."""
        ...


@dataclass(frozen=True, slots=True)
class TerminalView:
    screen: Screen

    def emit(self, event: Event) -> None:
        self.screen.emit(event)

    def finish(self, report: Report) -> None:
        if report.outcome is None:
            return
        print_outcome(self.screen, report.outcome, report.turns)
        print_files(self.screen, report.folder.saved)
        print_record(self.screen, report.folder)


@dataclass(frozen=True, slots=True)
class JsonView:
    stream: TextIO

    def emit(self, event: Event) -> None:
        write_line(self.stream, event)

    def finish(self, report: Report) -> None:
        write_line(self.stream, result_json(report))


@dataclass(frozen=True, slots=True)
class QuietView:
    def emit(self, event: Event) -> None:
        pass

    def finish(self, report: Report) -> None:
        outcome = report.outcome
        if outcome is None:
            return
        if outcome.answer is not None:
            sys.stdout.write(harmless(outcome.answer.text).rstrip("\n") + "\n")
        elif outcome.status != "error":  # an error is told by the command itself
            sys.stderr.write(f"no answer: {harmless(outcome.message)}\n")


def print_outcome(screen: Screen, outcome: Outcome, turns: int) -> None:
    """The summary line, with what stands against the answer or why there is none."""
    screen.console.print()
    if outcome.status == "answered" and outcome.message:
        screen.note(f"accepted although a check still objects: {outcome.message}")
    elif outcome.message and outcome.status not in ("answered", "error"):
        raised = f"; {RAISED_BY[outcome.status]} allows more" if outcome.status in RAISED_BY else ""
        screen.note(f"no answer: {outcome.message}{raised}")
    mark, style = ("✓", "green") if outcome.status == "answered" else ("✗", "red")
    screen.print(Text.assemble((f"{mark} ", style), describe.summary(outcome, turns)))


def print_files(screen: Screen, files: Sequence[Saved]) -> None:
    """Which files came out of the workspace, and where they are."""
    for saved in files:
        renamed = "" if saved.path.name == saved.name.rpartition("/")[2] else f", {saved.name} in the workspace"
        screen.print(Text(f"  file    {describe.relative(saved.path)} ({describe.size(saved.size)}{renamed})"))


def print_record(screen: Screen, folder: RunFolder) -> None:
    for sentence in folder.skipped:
        screen.note(sentence)
    screen.print(Text(f"  record  {describe.relative(folder.trajectory)}"))


def result_json(report: Report) -> JSON:
    """The last line of `--json`."""
    outcome, folder = report.outcome, report.folder
    answer = outcome.answer if outcome else None
    return {
        "kind": "result",
        "status": outcome.status if outcome else "error",
        "answer": answer.text if answer else None,
        "value": plain(answer.value) if answer else None,
        "message": outcome.message if outcome else "",
        "model": report.model,
        "turns": report.turns,
        "usage": plain(outcome.usage) if outcome else None,
        "duration": outcome.duration if outcome else None,
        "trajectory": str(folder.trajectory),
        "artifacts": [{"name": saved.name, "path": str(saved.path), "size": saved.size} for saved in folder.saved],
        "skipped": list(folder.skipped),
    }
