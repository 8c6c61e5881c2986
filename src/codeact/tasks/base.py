"""The task contract: what is to be solved, with which tools, by which rules, and how it is judged.

Everything here lives in the host. A task's expected answer is in its `judge`, which neither the model nor its code can
reach: only the prompt, the tools' descriptions and their results leave this process.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Protocol, runtime_checkable

from codeact.actions import action_space
from codeact.actions.base import ActionSpace
from codeact.errors import UsageError
from codeact.sandbox.base import Sandbox
from codeact.tasks.oracle import Oracle
from codeact.tools import ToolSource
from codeact.types import JSON, Answer, Message, ToolSpec


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer is worth."""

    correct: bool
    reason: str = ""  # for people: why it was not accepted
    failure: str = ""  # which kind of failure it is, as reports name them, where the judge knows it: "wrong tool", …


class Environment(Protocol):
    """The world of one episode. Made anew for each, never shared, so that no state leaks from one to another.

    Where it has machinery of its own, a game's process or a browser, that raises `SandboxError` when it fails, in a
    tool or in the judge: such an episode says nothing of the model, and is broken.
    """

    @property
    def tools(self) -> Sequence[ToolSource]: ...

    @property
    def succeeded(self) -> bool | None:
        """The world's own signal: whether the goal is reached; None where only the answer decides."""
        ...


@runtime_checkable
class Telling(Environment, Protocol):
    """A world that makes up the task when it is made: a game's goal, say."""

    @property
    def told(self) -> str:
        """What an agent is told after the task's prompt."""
        ...


@runtime_checkable
class Furnished(Environment, Protocol):
    """A world that is partly in the session: a table as a variable, say. Such a task can be played in code only."""

    @property
    def session_setup(self) -> str:
        """Python that runs in the session before the first turn. The record keeps it, so that a replay begins alike."""
        ...


@runtime_checkable
class Proving(Environment, Protocol):
    """A world that has to try an answer out before anybody can judge it: a program, by its tests."""

    async def prove(self, answer: Answer | None, sandbox: Sandbox) -> None:
        """Try it in a box of its own; `succeeded` then tells what came of it.

        Raises:
            SandboxError: the machinery around the box failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Workbench:
    """An environment of tools alone."""

    tools: Sequence[ToolSource] = ()
    succeeded: bool | None = None


Judge = Callable[[Answer | None, Environment], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How an episode is played: the same for all tasks of a profile, and for all its action spaces."""

    turns: int = 10
    attempts: int | None = 1  # answers that are looked at; None: as many as there are turns
    try_again: str = "Your answer is wrong. Try again."  # said after a wrong answer while there are attempts left
    unreadable_turns: bool = True  # whether a reply that cannot be read costs a turn, as code that is not Python does
    remarks: bool = True  # whether the loop adds its own: one turn is left, this action was a repetition
    reply_tokens: int = 1024
    action_time: float = 30.0  # seconds
    space: Callable[[str], ActionSpace] = action_space  # from the name of a format to how it is written
    opening: Callable[[str, str, Sequence[ToolSpec]], str] | None = None
    """The first message, of format, prompt and tools, where that is more than the prompt."""


def nothing_said(space: ActionSpace) -> Sequence[Message]:
    """Where a task begins at its prompt."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to solve."""

    id: str  # unique in its suite, and stable: runs are resumed by it
    domain: str
    prompt: str
    open: Callable[[str], AbstractAsyncContextManager[Environment]]  # a new world for an episode in this format
    judge: Judge
    oracles: Mapping[str, Oracle] = field(default_factory=dict[str, Oracle])  # by action space
    rules: Rules = field(default_factory=Rules)
    earlier: Callable[[ActionSpace], Sequence[Message]] = nothing_said
    """What was said and done before the prompt, as this format writes it: a task may begin in the middle of a talk."""
    labels: Mapping[str, JSON] = field(default_factory=dict[str, JSON])  # for reports: calls needed, group, difficulty


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One way of running a suite: repaired, as published, …"""

    name: str
    summary: str
    tasks: Callable[..., Sequence[Task]]
    """Makes the tasks, in a fixed order. Its keyword parameters are the options that this profile has; it raises
    `UsageError` for a value that one cannot take.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tasks under a name. It lives in a folder with a README: source, differences, licence, our numbers."""

    name: str
    summary: str
    readme: Path
    profiles: Sequence[Profile]  # the first is the default

    def tasks(self, profile: str | None = None, /, **options: JSON) -> Sequence[Task]:
        """The tasks of a profile; None takes the default one.

        Raises:
            UsageError: no such profile or option.
        """
        chosen = next((known for known in self.profiles if profile in (None, known.name)), None)
        if chosen is None:
            names = ", ".join(known.name for known in self.profiles)
            raise UsageError(f"{self.name} has no profile {profile!r}; there are: {names}")
        self._check_names(chosen, options)
        try:
            return chosen.tasks(**options)
        except TypeError as error:  # a value of another kind
            raise UsageError(f"{self.name} cannot take these options: {error}") from error

    def _check_names(self, profile: Profile, options: Mapping[str, JSON]) -> None:
        """Here once, so that no profile needs a check of its own."""
        known = signature(profile.tasks).parameters
        for name in options:
            if name in known:
                continue
            there_are = f"there are: {', '.join(known)}" if known else f"the profile {profile.name!r} takes none"
            others = [other.name for other in self.profiles if name in signature(other.tasks).parameters]
            elsewhere = f"; it is one of the profile {' and '.join(map(repr, others))}" if others else ""
            raise UsageError(f"{self.name} has no option {name!r}; {there_are}{elsewhere}")


def prompt_of(task: Task, environment: Environment) -> str:
    """The whole of what an agent is asked in this episode."""
    return f"{task.prompt}\n\n{environment.told}" if isinstance(environment, Telling) else task.prompt


async def verdict_of(task: Task, answer: Answer | None, environment: Environment, sandbox: Sandbox) -> Verdict:
    """What an answer is worth. Where it has to be tried out first, that is done in a new session of `sandbox`.

    Raises:
        SandboxError: the machinery around the box, or the world's own, failed.
    """
    if isinstance(environment, Proving):
        await environment.prove(answer, sandbox)
    return task.judge(answer, environment)


def workbench(
    tools: Callable[[str], Sequence[ToolSource]],
) -> Callable[[str], AbstractAsyncContextManager[Environment]]:
    """What opens a world of tools alone; `tools` makes them for each episode, and is told its format."""

    @asynccontextmanager
    async def open_workbench(actions: str) -> AsyncGenerator[Environment]:
        yield Workbench(tools(actions))

    return open_workbench
