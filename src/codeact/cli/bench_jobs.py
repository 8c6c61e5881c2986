"""The jobs of one command: one after the other, by one budget, watched, stopped and gone on with."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from rich.console import Console
from rich.text import Text

from codeact.cli import describe, exits
from codeact.cli.bench_options import JobOptions
from codeact.cli.bench_places import sandbox_options
from codeact.cli.bench_plan import PlannedJob
from codeact.cli.bench_screen import BenchView, JsonLines, Lines, LiveBars
from codeact.cli.escape import harmless
from codeact.cli.interrupts import interruptible
from codeact.cli.pulling import ensure_weights
from codeact.errors import CodeActError, ModelError, SetupError
from codeact.models.store import Store, default_root
from codeact.rollouts import Finished, Loss, Progress, Results, Spending, read_results
from codeact.rollouts.pool import Report
from codeact.sandbox import sandbox
from codeact.sandbox.base import Sandbox
from codeact.types import Usage

Play = Callable[[PlannedJob, Sandbox, Spending, Report], Awaitable[Finished]]
"""Plays what is left of a job."""


@dataclass(slots=True, kw_only=True)
class RunningJobs:
    jobs: Sequence[PlannedJob]
    options: JobOptions
    notices: Console
    json: bool
    play: Play
    used: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)
    stopped: str | None = None
    failure: CodeActError | None = None  # of a model, while others went on

    async def run(self) -> bool:
        """Play them. Whether that was interrupted by Ctrl-C. Raises what ends the command."""
        view, interrupted, failed = self._view(), True, True
        try:
            async with interruptible(), self._place() as place:
                for planned in self.jobs:
                    if not planned.finished and not self.stopped:
                        await self._try(planned, place, view)
                interrupted = False
            failed = False
        finally:
            view.close()
            if failed:
                self.say_what_is_left(self.results())
        return interrupted

    def exit_code(self, *, interrupted: bool, left: int) -> int:
        """`left`: episodes without a result."""
        if interrupted:
            return exits.INTERRUPTED
        if self.failure is not None:
            return exits.of_error(self.failure)
        return exits.NO_ANSWER if left else exits.ANSWERED

    def results(self) -> list[Results]:
        """What there is, in the order of the jobs."""
        return [read_results(planned.path) for planned in self.jobs if planned.path.is_file()]

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

        finished = await self.play(planned, place, spending, report)
        self.stopped = finished.stopped

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
            "code" in planned.job.actions and not planned.finished for planned in self.jobs
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

    def say_what_is_left(self, results: Sequence[Results]) -> int:
        """How many episodes have no result, and where the others are."""
        total = sum(len(planned.job) for planned in self.jobs)
        judged, broken = sum(len(found.judged) for found in results), sum(len(found.broken) for found in results)
        lost = sum((found.lost for found in results), Loss())
        folder = describe.relative(self.jobs[0].path.parent)
        why = f"stopped: {self.stopped}; " if self.stopped else ""
        failed = f", {broken} of the others broken by the machinery" if broken else ""
        rest = "; the same command goes on" if judged < total else ""
        self.notices.print(Text(harmless(f"{why}{judged:,} of {total:,} episodes are in {folder}{failed}{rest}")))
        if lost.tries:
            cost = f", ${lost.usage.cost:.2f}" if lost.usage.cost else ""
            took = f"{lost.usage.tokens:,} tokens and {describe.seconds(lost.seconds)}{cost}"
            self.notices.print(Text(f"tries that broke: {lost.tries:,}, which took {took} besides"))
        for found in results:
            if found.broken:
                self.notices.print(Text(f"broken: {found.broken[0].key}: {harmless(found.broken[0].error)}"))
        return total - judged
