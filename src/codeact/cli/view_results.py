"""Results files in the terminal: which episodes there are, and one task's side by side in its formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codeact.bench.sections import measured
from codeact.cli.beside import Column, show_beside
from codeact.cli.describe import short
from codeact.cli.escape import harmless
from codeact.errors import UsageError
from codeact.rollouts import Key, Results, Rollout, read_results

MARK = b'{"kind":"job"'  # how a results file begins
WIDE = 160  # columns, where there is no terminal that has a width
LONGEST = 60  # characters of a task's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which episodes are wanted."""

    task: str | None = None  # a name, or a pattern with * and ?
    actions: Sequence[str] = ()  # empty: all
    seed: int | None = None
    wrong: bool = False  # only tasks that failed in one of the formats shown


@dataclass(frozen=True, slots=True)
class Row:
    """A task with a seed, and its episodes in the order of the columns; None where there is none."""

    task: str
    seed: int
    rollouts: Sequence[Rollout | None]


def is_results(path: Path) -> bool:
    """Whether a file is one of results; not whether all of it can be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False


def view_results(console: Console, paths: Sequence[Path], wanted: Filter, step: int | None) -> None:
    """List the episodes that are wanted; if one task with one seed is left, show its episodes side by side.

    Raises:
        UsageError: a file is none of results, nothing is as wanted, or `step` is given for more than one task.
    """
    if other := next((path for path in paths if not is_results(path)), None):
        raise UsageError(f"{str(other)!r} is no results file of a bench; give results files, or one record of a run")
    files = [read_results(path) for path in paths]
    heads = _heads(files, wanted.actions)
    rows = _rows(files, heads, wanted)
    if not rows:
        raise UsageError("no episode is as wanted; without --task, --actions, --seed and --wrong all are listed")
    if len(rows) == 1:
        columns = [
            Column(head=_title(files, file, actions), rollout=rollout)
            for (file, actions), rollout in zip(heads, rows[0].rollouts, strict=True)
            if rollout is not None
        ]
        show_beside(console, rows[0].task, rows[0].seed, columns, step)
        return
    if step is not None:
        raise UsageError(
            f"--step is for one task with one seed, and {len(rows)} are left; --task and --seed choose one"
        )
    _list(console, files, heads, rows)


def _heads(files: Sequence[Results], wanted: Sequence[str]) -> list[tuple[int, str]]:
    """The columns: a file by its number, and a format. A model's formats stand beside each other."""
    there = [(number, actions) for number, file in enumerate(files) for actions in file.job["actions"]]
    if unknown := next((name for name in wanted if name not in {actions for _, actions in there}), None):
        known = ", ".join(dict.fromkeys(actions for _, actions in there))
        raise UsageError(f"there are no episodes with {unknown!r} actions; there are: {known}")
    return [head for head in there if not wanted or head[1] in wanted]


def _rows(files: Sequence[Results], heads: Sequence[tuple[int, str]], wanted: Filter) -> list[Row]:
    places = dict.fromkeys(place for file in files for place in product(file.job["tasks"], file.job["seeds"]))
    rows = [
        Row(task, seed, [files[number].rollouts.get(Key(task, actions, seed)) for number, actions in heads])
        for task, seed in places
        if wanted.seed in (None, seed) and (wanted.task in (None, task) or fnmatchcase(task, wanted.task or ""))
    ]
    played = [row for row in rows if any(row.rollouts)]
    return [row for row in played if not wanted.wrong or any(rollout and _failed(rollout) for rollout in row.rollouts)]


def _list(console: Console, files: Sequence[Results], heads: Sequence[tuple[int, str]], rows: Sequence[Row]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("task")
    table.add_column("seed", justify="right")
    for number, actions in heads:
        table.add_column(Text(_title(files, number, actions).replace(" · ", "\n")))
    for row in rows:
        name = Text(harmless(short(row.task, LONGEST)))
        table.add_row(name, harmless(str(row.seed)), *(_cell(rollout) for rollout in row.rollouts))
    console.print(table, width=None if console.is_terminal else WIDE)
    failed = sum(bool(rollout and _failed(rollout)) for row in rows for rollout in row.rollouts)
    there = sum(rollout is not None for row in rows for rollout in row.rollouts)
    console.print(Text(f"{len(rows)} tasks and seeds, {there} episodes, {failed} of them failed", style="dim"))


def _title(files: Sequence[Results], number: int, actions: str) -> str:
    """What a column is of: the format, and whatever differs between the files."""
    jobs = [file.job for file in files]
    differing = [name for name in ("suite", "profile", "model") if len({str(job[name]) for job in jobs}) > 1]
    return harmless(" · ".join([*(str(jobs[number][name]) for name in differing), actions]))


def _failed(rollout: Rollout) -> bool:
    return rollout.status == "broken" or not (rollout.verdict and rollout.verdict.correct)


def _cell(rollout: Rollout | None) -> Text:
    if rollout is None:
        return Text("–", style="dim")
    if rollout.status == "broken":
        return Text("broken", style="yellow")
    episode = measured(rollout)
    turns = f"{episode.turns} turn{'' if episode.turns == 1 else 's'}"
    if episode.correct:
        return Text.assemble(("✓ ", "green"), turns)
    return Text.assemble(("✗ ", "red"), f"{episode.failure}, {turns}")
