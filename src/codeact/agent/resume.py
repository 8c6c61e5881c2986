"""Taking up a run where its record leaves it: what its steps have used of the budget counts as used."""

from __future__ import annotations

from itertools import takewhile

from codeact.agent.budget import Meter
from codeact.agent.loop import Run, gist
from codeact.errors import UsageError
from codeact.types import Answer, ExecResult, Step, Trajectory


def take_up(run: Run, cut: Trajectory) -> None:
    """Let a run that has not begun go on after the steps of another, as if they were its own.

    Raises:
        UsageError: the last of them ended that run, so nothing can follow.
    """
    if cut.steps and cut.steps[-1].observation is None:
        raise UsageError(f"step {cut.steps[-1].number} has ended the run; give the steps before it")
    run.steps.extend(cut.steps)
    run.earlier = cut.prompt
    run.gists.extend(found for step in cut.steps if (found := _gist(step)) is not None)
    for step in cut.steps:
        _count(run.meter, step)
    if run.gists:
        run.meter.repeats = sum(1 for _ in takewhile(lambda earlier: earlier == run.gists[-1], reversed(run.gists)))


def _count(meter: Meter, step: Step) -> None:
    meter.usage += step.completion.usage
    meter.started -= step.model_time + step.action_time
    if step.reply is None:
        meter.malformed += 1
        meter.turns += meter.budget.unreadable_turns
        return
    meter.malformed = 0
    meter.turns += 1
    meter.objections += _offers_answer(step)  # it was sent back: there is a step after it


def _offers_answer(step: Step) -> bool:
    by_code = isinstance(step.result, ExecResult) and step.result.answer is not None
    return by_code or (step.reply is not None and isinstance(step.reply.action, Answer))


def _gist(step: Step) -> object | None:
    if step.reply is None or step.result is None or isinstance(step.reply.action, Answer) or _offers_answer(step):
        return None
    return gist(step.reply.action, step.result)
