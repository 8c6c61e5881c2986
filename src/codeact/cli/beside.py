"""Episodes of one task beside each other, turn by turn; one below the other where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from codeact.bench.sections import measured
from codeact.cli import describe
from codeact.cli.escape import harmless
from codeact.cli.panes import code_block, text_block
from codeact.errors import UsageError
from codeact.rollouts import Rollout
from codeact.rollouts.taxonomy import Failure
from codeact.trajectory.words import error_text, said, source
from codeact.types import Answer, ExecResult, Step, ToolResults

NARROWEST = 36  # columns of a terminal for one episode; with less each they are stacked
LONGEST = 1_500  # characters of one piece; the whole is in the file
PROMPT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    head: str  # the format, and the model where there are several
    rollout: Rollout

    @property
    def steps(self) -> Sequence[Step]:
        return self.rollout.trajectory.steps if self.rollout.trajectory else ()


def show_beside(console: Console, task: str, seed: int, columns: Sequence[Column], only: int | None) -> None:
    """Print the episodes of a task, or one step of each.

    Raises:
        UsageError: no episode has this step.
    """
    turns = max((len(column.steps) for column in columns), default=0)
    if only is not None and not 1 <= only <= turns:
        raise UsageError(f"there is no step {only}; the longest of these episodes has {turns}")
    numbers = range(1, turns + 1) if only is None else [only]
    console.print(Text(harmless(f"{task}, seed {seed}"), style="bold"), soft_wrap=True)
    if only is None:
        console.print(Text(harmless(_prompt(columns)), style="dim"), soft_wrap=True)
    if console.is_terminal and console.width >= NARROWEST * len(columns) and len(columns) > 1:
        console.print(_grid(columns, numbers))
        return
    for column in columns:
        console.print()
        console.print(_rule(column) if console.is_terminal else Text(f"══ {column.head} ══"))
        for number in numbers:
            console.print(_turn(column, number), soft_wrap=not console.is_terminal)
        console.print(_verdict(column))


def _grid(columns: Sequence[Column], numbers: Sequence[int]) -> Table:
    """A row for each turn, so that what the formats did with the same turn stands at the same height."""
    grid = Table.grid(padding=(0, 2, 1, 0), expand=True)
    for _ in columns:
        grid.add_column(ratio=1, overflow="fold")
    grid.add_row(*map(_rule, columns))
    for number in numbers:
        grid.add_row(*(_turn(column, number) for column in columns))
    grid.add_row(*map(_verdict, columns))
    return grid


def _rule(column: Column) -> RenderableType:
    return Rule(Text(column.head, style="bold"), style="dim", align="left")


def _turn(column: Column, number: int) -> RenderableType:
    if number > len(column.steps):
        return Text("")
    step, failure = column.steps[number - 1], measured(column.rollout).steps[number - 1]
    heading = Text.assemble((f"{number}", "dim"), (f" {failure}" if failure else "", "red"))
    return Group(heading, *_parts(step, failure))


def _parts(step: Step, failure: Failure | None) -> Iterator[RenderableType]:
    """What the model said and did, and what it saw of that."""
    thought = said(step)
    if step.reply is None:
        yield text_block(_cut(step.completion.text), bar="┊ ")
    elif thought:
        yield Text(harmless(_cut(thought)), style="italic")
    if code := source(step):
        yield code_block(_cut(code))
    if step.reply is not None and isinstance(step.reply.action, Answer):
        yield text_block(_cut(step.reply.action.text), bar="? ", style="yellow")
    seen = step.observation.text if step.observation else _unseen(step)
    if seen.strip():
        yield text_block(_cut(seen), text_style="red" if failure else "")


def _unseen(step: Step) -> str:
    """What came of the action that ended the episode; no model has seen it."""
    match step.result:
        case ExecResult(answer=Answer(text)):
            return f"answer: {text}"
        case ExecResult(stdout=stdout, error=error):
            return stdout + (error_text(error) if error else "")
        case ToolResults(records):
            return "\n".join(record.error or record.text for record in records)
        case None:
            return ""


def _verdict(column: Column) -> RenderableType:
    rollout = column.rollout
    if rollout.trajectory is None:
        return Text.assemble(("broken", "yellow"), harmless(f": {_cut(rollout.error)}"))
    episode = measured(rollout)
    outcome = rollout.trajectory.outcome
    used = describe.summary(outcome, episode.turns) if outcome else "cut off"
    if episode.correct:
        return Text.assemble(("✓ correct", "green"), f"\n{used}")
    return Text.assemble((f"✗ {episode.failure}", "red"), harmless(f": {_cut(episode.reason)}\n{used}"))


def _prompt(columns: Sequence[Column]) -> str:
    """What was asked. The first message may hold more, and that differs by format."""
    asked = next((column.rollout.trajectory.task for column in columns if column.rollout.trajectory), "")
    return _cut(asked.strip(), PROMPT)


def _cut(text: str, longest: int = LONGEST) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n… {len(text) - longest:,} more characters"
