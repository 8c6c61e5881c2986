"""Lines of results files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from codeact.rollouts.job import SCHEMA, Key
from codeact.rollouts.results import Rollout
from codeact.tasks import Verdict
from codeact.trajectory.encoding import to_line
from codeact.types import Answer, Completion, Message, Outcome, Reply, Step, Trajectory

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def job(tasks: int, *, model: str = "scripted:one", suite: str = "sums", **more: Any) -> bytes:
    names = {"suite": suite, "profile": "plain", "model": model, "actions": ["code", "json"], "seeds": [0], **more}
    return to_line({"kind": "job", "schema": SCHEMA, **names, "tasks": [f"t-{number}" for number in range(tasks)]})


def played(
    task: str,
    actions: str = "code",
    *,
    solved: bool = True,
    failure: str = "",
    reason: str = "",
    domain: str = "even",
    status: Any = "answered",
    trajectory: Trajectory | None = None,
) -> bytes:
    return Rollout(
        key=Key(task, actions, 0),
        status="judged",
        labels={"domain": domain},
        verdict=Verdict(solved, reason, failure),
        trajectory=trajectory or answering("2", status),
    ).to_line()


def broken(task: str, actions: str, error: str = "the sandbox has ended") -> bytes:
    return Rollout(key=Key(task, actions, 0), status="broken", labels={"domain": "even"}, error=error).to_line()


def answering(text: str, status: Any = "answered") -> Trajectory:
    """A model that answers at once."""
    step = Step(number=1, completion=Completion(text=text), reply=Reply(action=Answer(text)), started=NOON)
    return Trajectory(
        id="a",
        task="How much is 1 + 1?",
        prompt=(Message.of("system", "Be brief."),),
        steps=(step,),
        outcome=Outcome(status=status, answer=Answer(text) if status == "answered" else None),
        created=NOON,
    )


def raw(line: bytes, **changes: Any) -> bytes:
    """The line of somebody who writes what we do not."""
    return json.dumps({**json.loads(line), **changes}).encode() + b"\n"
