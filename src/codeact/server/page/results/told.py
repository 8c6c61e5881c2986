"""A trajectory as the page would have been told of it while it ran: so it is drawn as a chat is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Final

from codeact.server.nouns import Told
from codeact.server.page.fold import fold
from codeact.server.page.shown import Shown
from codeact.trajectory.encoding import encode
from codeact.types import JSON, Completion, Step, Trajectory

MOST_STEPS: Final = 200  # of an episode that are shown
_STATUS: Final = {"answered": "answered", "cancelled": "cancelled", "error": "error"}
RUN: Final = "episode"  # its name in the keys of blocks


def shown_of(trajectory: Trajectory) -> Shown:
    """What a page shows of it: a chat of one run."""
    told = (
        Told(number=at, run=RUN, event=event, at=trajectory.created) for at, event in enumerate(_events(trajectory), 1)
    )
    return reduce(fold, told, Shown())


def _events(trajectory: Trajectory) -> Iterator[Mapping[str, JSON]]:
    yield {"kind": "run_begun", "text": trajectory.task}
    for step in trajectory.steps[:MOST_STEPS]:
        yield from _step(step)
    outcome = trajectory.outcome
    if outcome is None:
        yield {"kind": "run_ended", "status": "error", "message": "the record ends here: the run was cut off"}
        return
    yield {"kind": "finished", "outcome": encode(outcome)}
    yield {"kind": "run_ended", "status": _STATUS.get(outcome.status, "limit")}


def _step(step: Step) -> Iterator[Mapping[str, JSON]]:
    yield {"kind": "turn_started", "number": step.number}
    if step.completion.reasoning:
        yield {"kind": "text_delta", "text": step.completion.reasoning, "reasoning": True}
    yield {"kind": "text_delta", "text": written(step.completion)}
    if step.reply is not None:
        yield {"kind": "reply_parsed", "reply": encode(step.reply)}
    if step.result is not None:
        yield {"kind": "action_finished", "result": encode(step.result)}
    if step.observation is not None:
        yield {"kind": "observed", "observation": encode(step.observation)}


def written(completion: Completion) -> str:
    """A reply's text, and the calls that came beside it: all there is of a reply that could not be read."""
    return "\n".join(filter(None, [completion.text, *(f"{call.name} {call.arguments}" for call in completion.calls)]))
