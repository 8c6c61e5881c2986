"""A chat's runs as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from codeact.errors import NotFoundError
from codeact.server.nouns import Run
from codeact.types import CodeAction, Trajectory

_TITLE = 60  # characters


def path_to(runs: Iterable[Run], head: str | None) -> list[Run]:
    """From the first run of a branch to its last, `head`. Raises `NotFoundError` where there is no such run."""
    by_id = {run.id: run for run in runs}
    path = list[Run]()
    while head is not None:
        if (run := by_id.pop(head, None)) is None:
            raise NotFoundError(f"this chat has no run {head!r}")
        path.append(run)
        head = run.parent
    return path[::-1]


def last_trajectory(path: Sequence[Run]) -> Trajectory | None:
    """What the next message follows; a run that failed before it began has left nothing."""
    return next((run.trajectory for run in reversed(path) if run.trajectory is not None), None)


def copied(path: Sequence[Run], chat: str) -> tuple[list[Run], Mapping[str, str]]:
    """The same runs for another chat, and the new id of each."""
    ids = {run.id: uuid4().hex for run in path}
    return [_copy(run, chat, ids) for run in path], ids


def _copy(run: Run, chat: str, ids: Mapping[str, str]) -> Run:
    trajectory, parent = run.trajectory, ids.get(run.parent or "")
    if trajectory is not None:
        trajectory = replace(trajectory, id=ids[run.id], parent=ids.get(trajectory.parent or ""))
    return replace(run, id=ids[run.id], chat=chat, parent=parent, trajectory=trajectory)


def acts(run: Run) -> bool:
    """Whether it has run code."""
    steps = run.trajectory.steps if run.trajectory else ()
    return any(step.reply is not None and isinstance(step.reply.action, CodeAction) for step in steps)


def action_time(run: Run) -> float:
    """Seconds that its actions took."""
    return sum(step.action_time for step in run.trajectory.steps) if run.trajectory else 0.0


def title_of(text: str) -> str:
    """A title for a chat that begins with this message."""
    line = next(filter(None, (" ".join(line.split()) for line in text.splitlines())), "")
    return line if len(line) <= _TITLE else line[: _TITLE - 1].rstrip() + "…"
