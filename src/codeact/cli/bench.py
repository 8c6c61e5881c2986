"""`codeact bench`: models on a suite of tasks, in code, JSON and text; stopped and gone on with at any point."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, cast

import anyio
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from codeact.cli import consoles, describe, exits
from codeact.cli.bench_models import listed_models
from codeact.cli.bench_options import BenchOptions
from codeact.cli.bench_places import play_on_ray, sandbox_options
from codeact.cli.bench_plan import PlannedJob, plan
from codeact.cli.bench_screen import BenchView, JsonLines, Lines, LiveBars, print_rows, rows_of
from codeact.cli.escape import harmless
from codeact.cli.interrupts import interruptible
from codeact.cli.jsonlines import write_line
from codeact.cli.options import option, spread
from codeact.cli.pulling import ensure_weights
from codeact.cli.report import print_report
from codeact.errors import CodeActError, ModelError, SetupError
from codeact.models.store import Store, default_root
from codeact.rollouts import Finished, Progress, Results, Spending, open_player, read_results, run_job
from codeact.rollouts.pool import Report
from codeact.sandbox import sandbox
from codeact.sandbox.base import Sandbox
from codeact.tasks import suite, suite_names
from codeact.types import Usage


@spread(BenchOptions)
def bench(
    options: BenchOptions,
    suite: Annotated[
        str | None, typer.Argument(metavar="[SUITE]", help="A suite's name; without it, the suites are listed.")
    ] = None,
    dry_run: Annotated[bool, option("--dry-run", help="Say what would be run, and run nothing.")] = False,
    json: Annotated[
        bool, option("--json", help="Print JSON lines: the plan, progress, the rows of the table.")
    ] = False,
) -> int:
    """Measure models on the tasks of a suite, by the same rules in each format.

    Every episode is kept as soon as it has ended: stopped or killed, the same command goes on where it was, and runs
    nothing twice.
    """
    if suite is None:
        return _list_suites(json=json)
    jobs = plan(suite, options)
    notices = consoles.notices(quiet=json)
    _say_plan(jobs, options, notices, json=json)
    if dry_run:
        return exits.ANSWERED
    return anyio.run(_Bench(jobs=jobs, options=options, notices=notices, json=json).run)


def _list_suites(*, json: bool) -> int:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("suite", "profiles", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for name in suite_names():
        found = suite(name)
        profiles = [profile.name for profile in found.profiles]
        table.add_row(name, ", ".join(profiles), found.summary)
        if json:
            write_line(sys.stdout, {"kind": "suite", "name": name, "profiles": profiles, "summary": found.summary})
    if not json:
        consoles.output().print(table)
    return exits.ANSWERED


def _say_plan(jobs: Sequence[PlannedJob], options: BenchOptions, notices: Console, *, json: bool) -> None:
    first = jobs[0].job
    total, done = sum(len(planned.job) for planned in jobs), sum(planned.done for planned in jobs)
    if json:
        for planned in jobs:
            line = {"episodes": len(planned.job), "done": planned.done, "file": str(planned.path)}
            write_line(sys.stdout, {"kind": "plan", **line, "job": planned.job.header()})
    share = first.options.get("subset")
    tasks = f"{len(first.tasks)} of {share['of']} tasks" if share else f"{len(first.tasks)} tasks"
    models = "1 model" if len(jobs) == 1 else f"{len(jobs)} models"
    what = f"{first.suite}, profile {first.profile}: {models}, {tasks} in {', '.join(first.actions)}"
    notices.print(Text(f"{what}: {total:,} episodes, {done:,} done already"))
    for model in listed_models(options.models):
        if model.gone:
            notices.print(Text(f"not run: {model.name}, {model.gone}", style="dim"))
    sampled = options.temperature or any("temperature" in text for text in options.model_option)
    if max(len(planned.job.seeds) for planned in jobs) > 1 and not sampled:
        words = "several seeds say little without --temperature: many models then repeat themselves, word for word"
        notices.print(Text(f"note: {words}", style="yellow"))


@dataclass(slots=True, kw_only=True)
class _Bench:
    """The jobs of one command, one after the other, by one budget."""

    jobs: Sequence[PlannedJob]
    options: BenchOptions
    notices: Console
    json: bool
    used: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)
    stopped: str | None = None
    failure: CodeActError | None = None  # of a model, while others went on

    async def run(self) -> int:
        view, interrupted, failed = self._view(), True, True
        try:
            async with interruptible(), self._place() as place:
                for planned in self.jobs:
                    if planned.done < len(planned.job) and not self.stopped:
                        await self._try(planned, place, view)
                interrupted = False
            failed = False
        finally:
            view.close()
            if failed:
                self._say_what_is_left(self._results())
        return self._finish(interrupted=interrupted)

    async def _try(self, planned: PlannedJob, place: Sandbox, view: BenchView) -> None:
        """A model that cannot be had is no reason not to measure the others."""
        try:
            await self._play(planned, place, view)
        except (ModelError, SetupError) as error:
            if len(self.jobs) == 1:
                raise
            self.notices.print(Text(harmless(f"{planned.job.model} cannot go on: {error}"), style="red"))
            self.failure = error

    async def _play(self, planned: PlannedJob, place: Sandbox, view: BenchView) -> None:
        spending = self._left_to_spend()
        if spending is None:
            return
        if planned.job.model.startswith("local:"):
            await ensure_weights(Store(default_root(os.environ)), planned.job.model, self.notices)
        used = self.used

        def report(progress: Progress) -> None:
            self.used = used + progress.usage  # at once: a job that fails has spent it as well
            view.progress(planned, progress)

        finished = await self._played(planned, place, spending, report)
        self.stopped = finished.stopped

    async def _played(self, planned: PlannedJob, place: Sandbox, spending: Spending, report: Report) -> Finished:
        if self.options.ray is not None:
            return await play_on_ray(planned, self.options, spending=spending, report=report)
        async with open_player(planned.job.model, **planned.model_options) as player:
            return await run_job(
                planned.job,
                planned.path,
                player,
                at_once=planned.at_once,
                sandbox=place,
                spending=spending,
                report=report,
            )

    def _left_to_spend(self) -> Spending | None:
        """What the jobs before have left; None, and a reason to stop, where that is nothing."""
        allowed = (self.options.max_tokens, self.options.max_time, self.options.max_cost)
        used = (self.used.tokens, time.monotonic() - self.started, self.used.cost or 0.0)
        left = [None if most is None else most - spent for most, spent in zip(allowed, used, strict=True)]
        for name, rest in zip(("--max-tokens", "--max-time", "--max-cost"), left, strict=True):
            if rest is not None and rest <= 0:
                self.stopped = f"{name} is used up"
                return None
        tokens, seconds, money = left
        return Spending(tokens=None if tokens is None else int(tokens), time=seconds, money=money)

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[Sandbox]:
        """One for all jobs, kept open where it can be: then a session takes milliseconds, not seconds."""
        place = sandbox(self.options.sandbox, **sandbox_options(self.options))
        needed = self.options.ray is None and any(
            "code" in planned.job.actions and planned.done < len(planned.job) for planned in self.jobs
        )
        if needed and isinstance(place, AbstractAsyncContextManager):
            async with cast("AbstractAsyncContextManager[Sandbox]", place) as shared:
                yield shared
        else:
            yield place

    def _view(self) -> BenchView:
        if self.json:
            return JsonLines()
        return LiveBars(self.notices) if self.notices.is_terminal else Lines(self.notices)

    def _finish(self, *, interrupted: bool) -> int:
        results = self._results()
        rows = [
            row
            for found in results
            for row in rows_of(str(found.job["model"]), found.job["actions"], list(found.rollouts.values()))
        ]
        print_rows(rows, json=self.json)
        left = self._say_what_is_left(results)
        if rows and self.options.report and not interrupted:
            self._report(results)
        if interrupted:
            return exits.INTERRUPTED
        if self.failure is not None:
            return exits.of_error(self.failure)
        return exits.NO_ANSWER if left else exits.ANSWERED

    def _report(self, results: Sequence[Results]) -> None:
        """What cannot be drawn takes nothing from the results."""
        try:
            print_report(results, self.jobs[0].path.parent, json=self.json)
        except CodeActError as error:
            self.notices.print(Text(harmless(f"no report: {error}"), style="yellow"))

    def _results(self) -> Sequence[Results]:
        return [read_results(planned.path) for planned in self.jobs if planned.path.is_file()]

    def _say_what_is_left(self, results: Sequence[Results]) -> int:
        """How many episodes have no result, and where the others are."""
        total = sum(len(planned.job) for planned in self.jobs)
        judged, broken = sum(len(found.judged) for found in results), sum(len(found.broken) for found in results)
        folder = describe.relative(self.jobs[0].path.parent)
        why = f"stopped: {self.stopped}; " if self.stopped else ""
        failed = f", {broken} of the others broken by the machinery" if broken else ""
        rest = "; the same command goes on" if judged < total else ""
        self.notices.print(Text(harmless(f"{why}{judged:,} of {total:,} episodes are in {folder}{failed}{rest}")))
        for found in results:
            if found.broken:
                self.notices.print(Text(f"broken: {found.broken[0].key}: {harmless(found.broken[0].error)}"))
        return total - judged
