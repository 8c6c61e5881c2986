"""Collecting: the episodes of a job, and where they fail their repair, each kept as soon as it has ended.

Repairs are a results file of their own beside the job's, under the same keys: one line for each failed episode that was
taken up again, whether it came out well or not. An episode is kept before anything is tried on it, so a process that is
killed at any point loses no more than what was going on; what then lacks its repair gets it from the record, by replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from codeact.actions.base import ActionSpace
from codeact.errors import ModelError, SandboxError, UsageError
from codeact.instruct.again import Bookmarks, Live
from codeact.instruct.repair import Repair, repairable
from codeact.models.base import Model
from codeact.rollouts import Bill, Finished, Job, Key, Progress, Rollout, Spending, run_job
from codeact.rollouts.episode import Driver, open_episode
from codeact.rollouts.pool import Report, broken_rollout, judged_rollout, run_episodes
from codeact.rollouts.results import ResultsWriter, begun
from codeact.sandbox.base import Sandbox
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task
from codeact.types import ToolSpec

TEMPERATURE = 0.7  # of what is collected, where nobody says otherwise: samples of a task are to differ
REPAIRS = "repair"  # the option of a job that is one of repairs: how many tries each had


def check_sampling(*, samples: int, repair: int, temperature: float | None) -> None:
    """Raises `UsageError` where samples of a task would all be the same."""
    if temperature == 0 and (samples > 1 or repair):
        wanted = f"samples={samples}" if samples > 1 else f"repair={repair}"
        raise UsageError(
            f"{wanted} with temperature=0 gives the same words each time; give a temperature above 0, say "
            f"{TEMPERATURE}, or one sample and no repair"
        )


def with_expert(tasks: Sequence[Task], actions: Sequence[str]) -> Sequence[Task]:
    """The tasks that have an expert in all these formats.

    Raises:
        UsageError: none of them has.
    """
    found = [task for task in tasks if all(name in task.oracles for name in actions)]
    if not found:
        known = sorted({name for task in tasks for name in task.oracles})
        raise UsageError(
            f"no task of these has an expert for {', '.join(actions)} actions; "
            + (f"there are experts for: {', '.join(known)}" if known else "they have none at all: collect from a model")
        )
    return found


def repairs_of(path: str | Path) -> Path:
    """Where the repairs of a job's results are."""
    return Path(path).with_name(f"{Path(path).stem}.repaired.jsonl")


def repairs_job(job: Job, tries: int, temperature: float | None = None) -> Job:
    """The job of the repairs: that of the episodes, told apart by an option. `temperature`: the tries' own."""
    settings = job.settings if temperature is None else {**job.settings, "repair_temperature": temperature}
    return replace(job, options={**job.options, REPAIRS: tries}, settings=settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """How a run of `collect` ended."""

    episodes: Finished
    later: Finished | None = None  # the repairs of episodes that an earlier run had left without

    @property
    def stopped(self) -> str | None:
        """Why before its end; the same call goes on."""
        return self.episodes.stopped or (self.later.stopped if self.later else None)


async def collect(
    job: Job,
    path: str | Path,
    model: Model | Driver,
    *,
    repair: int = 0,
    repair_model: Model | Driver | None = None,
    repair_temperature: float | None = None,
    at_once: int = 1,
    sandbox: Sandbox | None = None,
    spending: Spending | None = None,
    report: Report = lambda progress: None,
) -> Collected:
    """`run_job`, and up to `repair` tries to repair each episode that fails; those are kept in `repairs_of(path)`.

    `repair_model` plays the tries where it is another: the same one at another temperature, `repair_temperature`, which
    is kept with them.

    Raises:
        UsageError: a file is of another job (`repair` is part of the job of the repairs), or not a results file.
        SetupError, AuthenticationError, ModelError, SandboxError: as `run_job` does.
    """
    path = Path(path)
    if not repair:
        return Collected(
            episodes=await run_job(job, path, model, at_once=at_once, sandbox=sandbox, spending=spending, report=report)
        )
    async with AsyncExitStack() as stack:
        kept = stack.enter_context(begun(path, job))
        repairs = stack.enter_context(begun(repairs_of(path), repairs_job(job, repair, repair_temperature)))
        if sandbox is None and "code" in job.actions:
            sandbox = await stack.enter_async_context(LocalSandbox(checkpoints="none"))
        place = sandbox or "local"
        collection = _Collection(
            job=job,
            kept=kept,
            repairs=repairs,
            model=model,
            place=place,
            repair=Repair(tries=repair, model=repair_model or model, sandbox=place),
            progress=Progress(total=len(job)),
        )
        return await collection.run(at_once=at_once, spending=spending, report=report)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Collection:
    job: Job
    kept: ResultsWriter
    repairs: ResultsWriter
    model: Model | Driver
    place: str | Sandbox
    repair: Repair
    progress: Progress

    async def run(self, *, at_once: int, spending: Spending | None, report: Report) -> Collected:
        episodes = await run_episodes(
            self.job,
            self.kept,
            self._play,
            at_once=at_once,
            spending=spending,
            report=report,
            progress=self.progress,
        )
        left = list(unrepaired(self.job, self.kept.done, self.repairs.done))
        if episodes.stopped or not left:
            return Collected(episodes=episodes)
        progress = Progress(total=len(left), usage=self.progress.usage, started=self.progress.started)
        later = await run_episodes(
            left,
            self.repairs,
            self._repair_later,
            at_once=at_once,
            spending=spending,
            report=report,  # a progress of its own, whose usage goes on from that of the episodes
            progress=progress,
        )
        self.progress.usage = progress.usage
        return Collected(episodes=episodes, later=later)

    async def _play(self, key: Key, task: Task, bill: Bill) -> Rollout:
        """An episode, kept at once, and its repair while its session is still there."""
        bookmarks = list[Bookmarks]()
        driver = _bookmarking(self.model, bookmarks)
        async with open_episode(task, driver, actions=key.actions, sandbox=self.place, seed=key.seed) as opened:
            bookmarks[0].session = opened.conversation.setup.session
            with bill.of(opened.conversation):
                rollout = judged_rollout(key, task, await opened.play(), bill.lost)
            self.kept.add(rollout)
            if repairable(rollout):
                await self._repair_now(rollout, task, Live(opened=opened, marks=bookmarks[0].marks))
        return rollout

    async def _repair_now(self, rollout: Rollout, task: Task, live: Live) -> None:
        """What the machinery spoils is left to the end: the episode is kept, and nothing of it is played again."""
        bill = Bill(lost=self.repairs.lost(rollout.key))
        try:
            self.repairs.add(await self.repair.of(rollout, task, live, bill))
        except (ModelError, SandboxError) as error:
            self.repairs.add(broken_rollout(rollout.key, task, error, bill.broken()))
        finally:
            self.progress.usage += bill.usage

    async def _repair_later(self, key: Key, task: Task, bill: Bill) -> Rollout:
        return await self.repair.of(self.kept.done[key], task, bill=bill)


def unrepaired(job: Job, episodes: Mapping[Key, Rollout], repairs: Mapping[Key, Rollout]) -> Iterator[tuple[Key, Task]]:
    """The episodes that have failed, can be repaired, and have not been."""
    for key, task in job:
        episode, repaired = episodes.get(key), repairs.get(key)
        if episode and repairable(episode) and (repaired is None or repaired.status == "broken"):
            yield key, task


def _bookmarking(model: Model | Driver, made: list[Bookmarks]) -> Driver:
    """The model, or the one that is made for an episode, with bookmarks; they are added to `made`."""

    def driver(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        given = model(task, space, tools) if callable(model) else model
        made.append(Bookmarks(model=given))
        return made[-1]

    return driver
