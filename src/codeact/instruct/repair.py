"""Repair: a failed episode is taken up again where it went wrong, so that "erred, then fixed" is found on purpose.

What was right before that moment is neither sampled nor run again: each try pays for the turns after it alone. A try
goes on either right *after an error*, which the model sees and may mend, or before the *last turn*, to end another way.
No hint is given: the history is what it would be in an episode of its own, so it can be trained on as it is.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace

from codeact.errors import SandboxError, UsageError
from codeact.instruct.again import Live, NotRepeatedError, replayed
from codeact.models.base import Model
from codeact.rollouts import Bill, Rollout
from codeact.rollouts.episode import Driver, Episode, OpenEpisode
from codeact.rollouts.pool import labels_of
from codeact.sandbox.base import Sandbox
from codeact.tasks import Task
from codeact.types import JSON, Trajectory

_SEEDS = 1000  # between the seeds of an episode's tries: each draws otherwise, and a resumed one as before


def points_of(trajectory: Trajectory) -> list[int]:
    """Where to take a failed run up again, as how many of its first steps stay, the most promising first.

    After its first error, because most turns are left then; before its last turn; after its other errors. Before its
    first turn is none of them: that would be a whole new episode.
    """
    errors = [step.number for step in trajectory.steps if step.observation is not None and step.observation.is_error]
    last = len(trajectory.steps) - 1
    return [place for place in dict.fromkeys([*errors[:1], last, *errors[1:]]) if 0 < place <= last]


def repairable(rollout: Rollout) -> bool:
    """Whether an episode has failed, and has a moment to which one can return."""
    judged = rollout.verdict is not None and rollout.trajectory is not None
    return judged and not rollout.correct and bool(rollout.trajectory and points_of(rollout.trajectory))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """How failed episodes are repaired."""

    tries: int  # of one episode, at most
    model: Model | Driver
    sandbox: str | Sandbox = "local"

    async def of(self, failed: Rollout, task: Task, live: Live | None = None, bill: Bill | None = None) -> Rollout:
        """The first try that succeeds, else the last one; the failed episode again where none could be made.

        Its trajectory is whole. Its label `repaired` names the one whose first `step` steps it shares, and how it came
        to their `state`. Without `live` the first steps are replayed. What the tries use is put on the `bill`.

        Raises:
            ModelError, SandboxError: the machinery failed, which says nothing of the model.
        """
        if failed.trajectory is None or not (points := points_of(failed.trajectory)):
            raise ValueError(f"{failed.key} is nothing to repair")
        bill, whole = bill or Bill(), failed.trajectory
        tries = _Tries(repair=self, failed=failed, whole=whole, task=task, live=live, bill=bill)
        while points and tries.made < self.tries:
            step = points[tries.made % len(points)]
            try:
                if await tries.one(step):
                    break
            except NotRepeatedError as problem:
                points.remove(step)
                tries.why = str(problem)
        return tries.rollout()


@dataclass(slots=True, kw_only=True)
class _Tries:
    """The tries on one episode: the last of them, and what all have taken."""

    repair: Repair
    failed: Rollout
    whole: Trajectory
    task: Task
    live: Live | None
    bill: Bill
    made: int = 0
    step: int = 0  # that the last try went on after
    state: str = "none"  # how it came there: "forked", "replayed"
    why: str = ""  # there was no way to a moment
    last: Episode | None = None
    started: float = field(default_factory=time.monotonic)

    async def one(self, step: int) -> bool:
        """Go on after the first `step` steps. Whether it succeeds. Raises as `Repair.of` does, and NotRepeatedError."""
        cut = replace(self.whole, steps=self.whole.steps[:step], outcome=None)
        async with AsyncExitStack() as stack:
            opened, state = await self._taken_up(stack, cut)
            self.made += 1
            with self.bill.of(opened.conversation):
                result = await opened.conversation.resume(cut)
            self.last, self.step, self.state = await opened.judged(result), step, state
        return self.last.verdict.correct

    async def _taken_up(self, stack: AsyncExitStack, cut: Trajectory) -> tuple[OpenEpisode, str]:
        model, key = self.repair.model, self.failed.key
        seed = key.seed + _SEEDS * (self.made + 1)
        if self.live is not None:
            try:
                return await stack.enter_async_context(self.live.forked(cut, model, seed)), "forked"
            except (NotRepeatedError, UsageError, SandboxError):
                pass  # what a fork cannot bring about, a replay may
        again = replayed(self.task, model, cut, actions=key.actions, sandbox=self.repair.sandbox, seed=seed)
        return await stack.enter_async_context(again), "replayed"

    def rollout(self) -> Rollout:
        """What came of them, as it is kept."""
        about: dict[str, JSON] = {
            "from": self.whole.id,
            "step": self.step,
            "tries": self.made,
            "state": self.state,
            "spent": {**asdict(self.bill.usage), "seconds": round(time.monotonic() - self.started, 3)},
        }
        if self.last is None:
            about["why"] = self.why
        labels: dict[str, JSON] = {**labels_of(self.task), "repaired": about}
        repaired = replace(self.failed, labels=labels, lost=self.bill.lost)  # what was lost before is the episode's
        if self.last is None:
            return repaired
        return replace(repaired, verdict=self.last.verdict, trajectory=self.last.result.trajectory)
