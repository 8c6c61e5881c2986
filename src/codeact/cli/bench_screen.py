"""How far a bench is, and what came of it: for a person at a terminal, for a log, for a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from codeact.cli import consoles, describe
from codeact.cli.bench_plan import PlannedJob
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.rollouts import Interval, Progress, Rollout, outcomes_by_task, share_interval

LINE_EVERY = 60.0  # seconds, where no bar can be drawn
WIDE = 160  # columns, where there is no terminal that has a width


class BenchView(Protocol):
    def progress(self, planned: PlannedJob, progress: Progress) -> None:
        """An episode has begun or ended."""
        ...

    def close(self) -> None:
        """No more progress will come."""
        ...


class LiveBars:
    """A bar for each job, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
        )
        self._tasks: dict[Path, TaskID] = {}
        self._bars.start()

    def progress(self, planned: PlannedJob, progress: Progress) -> None:
        if planned.path not in self._tasks:
            self._tasks[planned.path] = self._bars.add_task(harmless(planned.title), total=progress.total, words="")
        self._bars.update(self._tasks[planned.path], completed=progress.done, words=in_words(progress))

    def close(self) -> None:
        self._bars.stop()


class Lines:
    """A line now and then, where there is no terminal: with each tenth that is done, and each minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = ("", -1, 0.0)  # of which job, the tenth, and when

    def progress(self, planned: PlannedJob, progress: Progress) -> None:
        tenth, now = 10 * progress.done // progress.total, time.monotonic()
        title, said, when = self._said
        if not progress.fresh or ((planned.title, tenth) == (title, said) and now < when + LINE_EVERY):
            return
        self._said = (planned.title, tenth, now)
        words = f"{harmless(planned.title)}: {progress.done}/{progress.total}, {in_words(progress)}"
        self._console.print(Text(words))

    def close(self) -> None:
        pass


class JsonLines:
    """An object for each episode that has ended."""

    def __init__(self) -> None:
        self._stream = sys.stdout  # as it is now: a cluster's own messages are led elsewhere meanwhile
        self._done = -1

    def progress(self, planned: PlannedJob, progress: Progress) -> None:
        if progress.fresh and progress.done != self._done:
            write_line(
                self._stream,
                {"kind": "progress", "suite": planned.job.suite, "model": planned.job.model, **counts(progress)},
            )
        self._done = progress.done

    def close(self) -> None:
        pass


def counts(progress: Progress) -> dict[str, object]:
    return {
        **{name: getattr(progress, name) for name in ("total", "done", "earlier", "successes", "failures", "broken")},
        "interval": asdict(progress.interval),
        "usage": asdict(progress.usage),
        "tokens_per_second": progress.tokens_per_second,
        "seconds": progress.elapsed,
        "seconds_left": progress.left,
    }


def in_words(progress: Progress) -> str:
    """Success so far, pace and time left, in one line."""
    parts = [f"{share(progress.successes, progress.judged, progress.interval)} solved"] if progress.judged else []
    if progress.broken:
        parts.append(f"{progress.broken} broken")
    if progress.usage.output_tokens:
        parts.append(f"{progress.tokens_per_second:.1f} tokens/s")
    if progress.usage.cost is not None:
        parts.append(f"${progress.usage.cost:.2f}")
    if progress.left and progress.done < progress.total:
        parts.append(f"{describe.seconds(progress.left)} left")
    return ", ".join(parts)


def share(successes: int, total: int, interval: Interval) -> str:
    """A proportion with its interval: `53.8 % (38.6 to 68.4)`."""
    return f"{100 * successes / total:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a model did in one format."""

    model: str
    actions: str
    solved: int
    episodes: int
    interval: Interval
    mean_turns: float  # over all episodes, as the paper has it
    most_turns: int
    output_tokens: float  # mean of an episode
    tokens: float  # the same, prompts included


def rows_of(model: str, formats: Sequence[str], rollouts: Sequence[Rollout]) -> Iterator[Row]:
    """A row for each format that has a result."""
    for actions in formats:
        judged = [rollout for rollout in rollouts if rollout.key.actions == actions and rollout.status == "judged"]
        if not judged:
            continue
        played = [rollout.trajectory for rollout in judged if rollout.trajectory is not None]
        turns = [len(trajectory.steps) for trajectory in played]
        usages = [trajectory.outcome.usage for trajectory in played if trajectory.outcome is not None]
        yield Row(
            model=model,
            actions=actions,
            solved=sum(rollout.correct for rollout in judged),
            episodes=len(judged),
            interval=share_interval(outcomes_by_task(judged)),
            mean_turns=mean(turns),
            most_turns=max(turns),
            output_tokens=mean(usage.output_tokens for usage in usages),
            tokens=mean(usage.tokens for usage in usages),
        )


def table_of(rows: Sequence[Row]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "actions", "solved", "% (95 % interval)", "turns", "most", "tokens out", "in all"):
        left = heading in ("model", "actions")
        table.add_column(heading, no_wrap=heading != "model", justify="left" if left else "right")
    for row in rows:
        table.add_row(
            Text(harmless(row.model)),
            row.actions,
            f"{row.solved}/{row.episodes}",
            share(row.solved, row.episodes, row.interval).replace(" %", ""),
            f"{row.mean_turns:.2f}",
            str(row.most_turns),
            f"{row.output_tokens:,.0f}",
            f"{row.tokens:,.0f}",
        )
    return table


def print_rows(rows: Sequence[Row], *, json: bool) -> None:
    """The table, or a line for each row."""
    if json:
        for row in rows:
            write_line(sys.stdout, {"kind": "row", **asdict(row)})
    elif rows:
        console = consoles.output()
        if not console.is_terminal:
            console.width = WIDE
        console.print(table_of(rows))
