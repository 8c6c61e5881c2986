"""One episode: an agent on a task, by the task's rules."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from codeact.actions.base import ActionSpace
from codeact.agent import Agent, Budget, Check, Conversation, Evidence, RunResult
from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.sandbox import sandbox as sandbox_named
from codeact.sandbox.base import Sandbox
from codeact.tasks import Environment, Furnished, Task, Verdict, prompt_of, verdict_of
from codeact.tools import ToolSet
from codeact.trajectory import TrajectoryWriter
from codeact.types import Answer, ToolSpec

Driver = Callable[[Task, ActionSpace, Sequence[ToolSpec]], Model]
"""Gives the model of an episode, where that depends on the task: an oracle's does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What came of one."""

    task: str  # its id
    actions: str
    verdict: Verdict
    result: RunResult


async def play_episode(
    task: Task,
    model: str | Model | Driver,
    *,
    actions: str = "code",
    sandbox: str | Sandbox = "local",
    seed: int | None = 0,
    emit: Emit = ignore,
    record: TrajectoryWriter | None = None,
) -> Episode:
    """Let an agent play one task in a world of its own, and judge what it answers.

    Raises:
        UsageError: the format is unknown, or the task has no oracle for it.
        ModelError: the endpoint failed.
        SandboxError: the machinery around the box failed.
    """
    async with open_episode(task, model, actions=actions, sandbox=sandbox, seed=seed) as episode:
        return await episode.play(emit=emit, record=record)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEpisode:
    """An episode that is set up and has not been judged: a world of its own, and an agent in it."""

    task: Task
    environment: Environment
    conversation: Conversation
    place: Sandbox  # where an answer that has to be tried out is tried
    first: str  # what the agent is asked

    async def play(self, *, emit: Emit = ignore, record: TrajectoryWriter | None = None) -> Episode:
        """From its first message to the verdict. Raises as `play_episode` does."""
        return await self.judged(await self.conversation.send(self.first, emit=emit, record=record))

    async def judged(self, result: RunResult) -> Episode:
        """Raises `SandboxError` as `verdict_of` does."""
        verdict = await verdict_of(self.task, result.outcome.answer, self.environment, self.place)
        actions = self.conversation.setup.space.name
        return Episode(task=self.task.id, actions=actions, verdict=verdict, result=result)


@asynccontextmanager
async def open_episode(
    task: Task, model: str | Model | Driver, *, actions: str, sandbox: str | Sandbox, seed: int | None
) -> AsyncGenerator[OpenEpisode]:
    """Set an episode up; its world, its session and its model end with the block.

    Raises:
        UsageError: the format is unknown, or the task has no oracle for it.
        SandboxError: the machinery around the box failed.
    """
    rules = task.rules
    space = rules.space(actions)
    place = sandbox_named(sandbox) if isinstance(sandbox, str) else sandbox
    async with task.open(actions) as environment:
        tools = ToolSet(environment.tools)
        agent = Agent(
            model(task, space, tools.specs) if callable(model) else model,
            tools=[tools],
            actions=space,
            sandbox=place,
            budget=budget_of(task),
            checks=checks_of(task, environment, place),
            seed=seed,
        )
        async with agent.open() as conversation:
            if isinstance(environment, Furnished):
                await conversation.prepare(environment.session_setup)
            conversation.messages.extend(task.earlier(space))
            yield OpenEpisode(
                task=task,
                environment=environment,
                conversation=conversation,
                place=place,
                first=first_message(task, environment, actions, tools.specs),
            )


def first_message(task: Task, environment: Environment, actions: str, tools: Sequence[ToolSpec]) -> str:
    """What an agent is asked in this world."""
    asked = prompt_of(task, environment)
    return task.rules.opening(actions, asked, tools) if task.rules.opening else asked


def checks_of(task: Task, environment: Environment, place: Sandbox) -> Sequence[Check]:
    return [retry(task, environment, place)] if task.rules.attempts != 1 else []


def budget_of(task: Task) -> Budget:
    """The rules as the agent's budget. Replies that cannot be read end an episode only where they cost no turn."""
    rules, usual = task.rules, Budget()
    return Budget(
        turns=rules.turns,
        action_time=rules.action_time,
        reply_tokens=rules.reply_tokens,
        objections=rules.turns if rules.attempts is None else rules.attempts - 1,
        unreadable_turns=rules.unreadable_turns,
        remarks=rules.remarks,
        repeats=usual.repeats if rules.remarks else rules.turns + 1,
        malformed=rules.turns + 1 if rules.unreadable_turns else usual.malformed,
    )


def retry(task: Task, environment: Environment, sandbox: Sandbox) -> Check:
    """A check that sends a wrong answer back, as the rules say."""

    async def right(answer: Answer, evidence: Evidence) -> str | None:
        verdict = await verdict_of(task, answer, environment, sandbox)
        return None if verdict.correct else task.rules.try_again

    return right
