"""Runs a job: many episodes at once over one model client and one sandbox, each kept as soon as it has ended.

Where an episode is played is a function, so the same job can be played elsewhere: see `ray_pool`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio

from codeact.errors import AuthenticationError, CodeActError, ContextLengthError, ModelError, SandboxError, UsageError
from codeact.models.base import Model
from codeact.rollouts.episode import Driver, Episode, open_episode
from codeact.rollouts.job import Job, Key
from codeact.rollouts.loss import Bill, Loss
from codeact.rollouts.progress import Progress
from codeact.rollouts.results import ResultsWriter, Rollout, begun
from codeact.sandbox.base import Sandbox
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task
from codeact.types import JSON

_TRIES = 2  # of an episode whose machinery fails
_IN_A_ROW = 5  # broken episodes after which nothing will work
Report = Callable[[Progress], None]
Play = Callable[[Key, Task, Bill], Awaitable[Rollout]]
"""Plays an episode, or raises what is wrong with the machinery: `ModelError` or `SandboxError`. Either way the bill is
told what it has used."""


def labels_of(task: Task) -> dict[str, JSON]:
    """What a report groups by."""
    return {"domain": task.domain, **task.labels}


async def play_here(key: Key, task: Task, bill: Bill, *, model: Model | Driver, sandbox: str | Sandbox) -> Rollout:
    """An episode in this process.

    Raises:
        ModelError, SandboxError: the machinery failed, which says nothing of the model.
    """
    async with open_episode(task, model, actions=key.actions, sandbox=sandbox, seed=key.seed) as opened:
        with bill.of(opened.conversation):
            return judged_rollout(key, task, await opened.play(), bill.lost)


def judged_rollout(key: Key, task: Task, episode: Episode, lost: Loss) -> Rollout:
    """An episode as it is kept."""
    return Rollout(
        key=key,
        status="judged",
        labels=labels_of(task),
        verdict=episode.verdict,
        trajectory=episode.result.trajectory,
        lost=lost,
    )


def broken_rollout(key: Key, task: Task, failure: CodeActError, lost: Loss) -> Rollout:
    """What is kept where there is no episode."""
    words = f"{type(failure).__name__}: {failure}"
    return Rollout(key=key, status="broken", labels=labels_of(task), error=words, lost=lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What one run of a job may use. When it is used up no episode is begun; those that go on are finished and kept."""

    tokens: int | None = None  # prompt and output tokens over all episodes; None for no limit
    time: float | None = None  # seconds of wall time
    money: float | None = None  # USD, where the model has prices

    def __post_init__(self) -> None:
        for name in ("tokens", "time", "money"):
            if (given := getattr(self, name)) is not None and given <= 0:
                raise UsageError(f"{name} of a job must be positive, not {given!r}")

    def used_up(self, progress: Progress) -> str | None:
        """Which part is used up, in words."""
        if self.tokens is not None and progress.usage.tokens >= self.tokens:
            return f"{progress.usage.tokens:,} tokens used of the {self.tokens:,} allowed"
        if self.time is not None and progress.elapsed >= self.time:
            return f"{self.time:g} seconds are over"
        if self.money is not None and (progress.usage.cost or 0) >= self.money:
            return f"{progress.usage.cost:.2f} USD spent of the {self.money:g} allowed"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a run of a job ended."""

    progress: Progress
    stopped: str | None = None  # why before its end; the same command goes on


async def run_job(
    job: Job,
    path: str | Path,
    model: Model | Driver,
    *,
    at_once: int = 1,
    sandbox: Sandbox | None = None,
    spending: Spending | None = None,
    report: Report = lambda progress: None,
) -> Finished:
    """Run what of the job has no result in the file yet. What was broken is tried again.

    `report` is called when an episode begins or ends. Cancelling loses the episodes that are going on, nothing else.

    Raises:
        UsageError: see `begun`.
        SetupError, AuthenticationError: nothing would work, so nothing more is tried.
        ModelError, SandboxError: that many episodes in a row were broken.
    """
    async with AsyncExitStack() as stack:
        writer = stack.enter_context(begun(Path(path), job))
        if sandbox is None and "code" in job.actions:
            sandbox = await stack.enter_async_context(LocalSandbox(checkpoints="none"))
        play = partial(play_here, model=model, sandbox=sandbox or "local")
        return await run_episodes(job, writer, play, at_once=at_once, spending=spending, report=report)


class Episodes(Protocol):
    """What is to be played: a whole job, or some of its episodes."""

    def __iter__(self) -> Iterator[tuple[Key, Task]]: ...

    def __len__(self) -> int: ...


async def run_episodes(
    episodes: Episodes,
    writer: ResultsWriter,
    play: Play,
    *,
    at_once: int,
    spending: Spending | None,
    report: Report,
    progress: Progress | None = None,
) -> Finished:
    """What `run_job` does once it is known where episodes are played.

    `progress` is counted on, where it is given: whoever plays may add to its usage what an episode has used besides.
    """
    progress = progress or Progress(total=len(episodes))
    run = _Run(
        episodes=episodes,
        writer=writer,
        play=play,
        spending=spending or Spending(),
        report=report,
        progress=progress,
    )
    await run.all(at_once)
    return Finished(progress=run.progress, stopped=run.stopped)


@dataclass(slots=True, kw_only=True)
class _Run:
    episodes: Episodes
    writer: ResultsWriter
    play: Play
    spending: Spending
    report: Report
    progress: Progress
    stopped: str | None = None
    broken_in_a_row: int = 0

    def __post_init__(self) -> None:
        for key, _ in self.episodes:
            known = self.writer.done.get(key)
            if known is not None and known.status == "judged":
                self.progress.count(known, fresh=False)

    async def all(self, at_once: int) -> None:
        left = self._left()
        failures = list[Exception]()  # raised below by their own names: the task group would wrap them

        async def work() -> None:
            try:
                for key, task in left:
                    await self._one(key, task)
            except Exception as error:  # noqa: BLE001 (see above)
                failures.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for _ in range(max(1, min(at_once, len(self.episodes)))):
                group.start_soon(work)
        if failures:
            raise failures[0]

    def _left(self) -> Iterator[tuple[Key, Task]]:
        """Shared by all workers: each takes the next one when it is free."""
        for key, task in self.episodes:
            known = self.writer.done.get(key)
            if known is not None and known.status == "judged":
                continue
            self.stopped = self.spending.used_up(self.progress)
            if self.stopped:
                return
            yield key, task

    async def _one(self, key: Key, task: Task) -> None:
        self.progress.running += 1
        self.report(self.progress)
        try:
            rollout, error = await self._played(key, task)
        finally:
            self.progress.running -= 1
        self.writer.add(rollout)
        self.progress.count(rollout)
        self.report(self.progress)
        self.broken_in_a_row = 0 if error is None else self.broken_in_a_row + 1
        if error is not None and self.broken_in_a_row >= _IN_A_ROW:
            raise error

    async def _played(self, key: Key, task: Task) -> tuple[Rollout, CodeActError | None]:
        """The episode, or that it is broken, and by what if that may be so of all others."""
        earlier = lost = self.writer.lost(key)
        while True:
            bill = Bill(lost=lost)
            try:
                return await self.play(key, task, bill), None
            except (ModelError, SandboxError) as error:
                self.progress.usage += bill.usage
                lost = bill.broken()
                if isinstance(error, AuthenticationError):
                    raise
                if isinstance(error, ContextLengthError):  # not even the task fits: nothing is said of those after it
                    return broken_rollout(key, task, error, lost), None
                if lost.tries - earlier.tries == _TRIES:
                    return broken_rollout(key, task, error, lost), error
