"""What a format costs by itself: the oracles' turns, without any model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import mean

import anyio

from codeact.actions import FORMATS
from codeact.actions.base import ActionSpace
from codeact.errors import UsageError
from codeact.models.base import Model
from codeact.rollouts.episode import Episode, play_episode
from codeact.sandbox.base import Sandbox
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import OracleModel, Task
from codeact.types import ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleRow:
    """How the oracles of some tasks fared in one format."""

    actions: str
    episodes: Sequence[Episode]

    @property
    def solved(self) -> int:
        return sum(episode.verdict.correct for episode in self.episodes)

    @property
    def mean_turns(self) -> float:
        """Over all episodes, as the paper has it; the answer is a turn where it is a reply of its own."""
        return mean(episode.result.turns for episode in self.episodes)

    @property
    def most_turns(self) -> int:
        return max(episode.result.turns for episode in self.episodes)


def oracle(task: Task, space: ActionSpace, tools: Sequence[ToolSpec], *, name: str = "oracle") -> Model:
    """The model of a task's oracle; `name` is what records call it.

    Raises:
        UsageError: the task has none for this format.
    """
    if space.name not in task.oracles:
        known = ", ".join(task.oracles) or "none"
        raise UsageError(f"the task {task.id!r} has no oracle for {space.name!r} actions; there are: {known}")
    return OracleModel(oracle=task.oracles[space.name], space=space, tools=tools, name=name)


async def oracle_rows(
    tasks: Sequence[Task], *, formats: Sequence[str] = FORMATS, sandbox: Sandbox | None = None, at_once: int = 4
) -> list[OracleRow]:
    """Play every oracle through the real parser, loop, tools and box, some of them `at_once`. Without a `sandbox` all
    boxes are those of one local server.

    Raises:
        UsageError: a task has no oracle for a format.
        SandboxError: the machinery around the box failed.
    """
    async with AsyncExitStack() as stack:
        if sandbox is None and "code" in formats:
            sandbox = await stack.enter_async_context(LocalSandbox(checkpoints="none"))
        return [
            OracleRow(actions=actions, episodes=await _episodes(tasks, actions, sandbox or "local", at_once))
            for actions in formats
        ]


async def _episodes(tasks: Sequence[Task], actions: str, sandbox: str | Sandbox, at_once: int) -> list[Episode]:
    played: dict[str, Episode] = {}
    places = anyio.CapacityLimiter(at_once)

    async def one(task: Task) -> None:
        async with places:
            played[task.id] = await play_episode(task, oracle, actions=actions, sandbox=sandbox)

    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(one, task)
    return [played[task.id] for task in tasks]


def oracle_table(rows: Sequence[OracleRow]) -> str:
    """The rows as a Markdown table."""
    head = "| actions | solved | mean turns | most turns |\n|---|---|---|---|"
    lines = [
        f"| {row.actions} | {row.solved}/{len(row.episodes)} | {row.mean_turns:.2f} | {row.most_turns} |"
        for row in rows
    ]
    return "\n".join([head, *lines])
