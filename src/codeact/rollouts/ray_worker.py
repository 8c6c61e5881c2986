"""A worker of a cluster: a process that plays episodes, with a model client and a sandbox that it keeps between them.

It is told names and makes the tasks again, so nothing of a task crosses the network. What it gives back is the line of
the results file. This module knows nothing of Ray, which makes an actor of the class.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal

from codeact.errors import AuthenticationError, CodeActError, ModelError, SandboxError, SetupError, UsageError
from codeact.models import Model
from codeact.rollouts.episode import Driver
from codeact.rollouts.job import Key
from codeact.rollouts.loss import Bill, Loss
from codeact.rollouts.players import open_player
from codeact.rollouts.pool import play_here
from codeact.rollouts.source import TaskSource
from codeact.sandbox import sandbox
from codeact.sandbox.base import Sandbox
from codeact.tasks import Task
from codeact.types import JSON, Usage

# The first that fits is what a failure is called on its way back.
FAMILIES = (AuthenticationError, ModelError, SandboxError, SetupError, UsageError, CodeActError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a worker is made from: names and options, which any machine of the cluster can do something with."""

    source: TaskSource
    made_by: Mapping[str, JSON]  # the options as the job's results keep them: a worker's files must be the same
    player: str  # "oracle", or a model by its name
    player_options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)  # may hold a key
    sandbox: str = "local"
    sandbox_options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours on its way back to who can act on it."""

    family: str
    words: str
    usage: Usage  # by then

    @staticmethod
    def of(error: CodeActError, usage: Usage) -> Failure:
        return Failure(next(family.__name__ for family in FAMILIES if family in type(error).__mro__), str(error), usage)

    def error(self) -> CodeActError:
        return next(family for family in FAMILIES if family.__name__ == self.family)(self.words)


class EpisodeWorker:
    """Plays one episode at a time. Who made it calls `close`."""

    def __init__(self, recipe: Recipe) -> None:
        # Ray starts processes with SIGINT blocked, which a box would inherit: its code could not be interrupted.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._recipe = recipe
        self._tasks: Mapping[str, Task] = {}
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._model: Model | Driver | None = None
        self._sandbox: Sandbox | str = "local"

    def play(self, task: str, actions: str, seed: int, lost: Loss) -> bytes | Failure:
        """The line of the episode, or what is wrong with the machinery. `lost` is what is known of earlier tries."""
        bill = Bill(lost=lost)
        try:
            portal, model = self._opened()
            if task not in self._tasks:
                raise SetupError(f"a worker does not know the task {task!r}; install the same codeact on all machines")
            key = Key(task, actions, seed)
            played = partial(play_here, key, self._tasks[task], bill, model=model, sandbox=self._sandbox)
            return portal.call(played).to_line()
        except CodeActError as error:
            return Failure.of(error, bill.usage)

    def close(self) -> None:
        self._stack.close()

    def _made(self) -> Mapping[str, Task]:
        tasks, made_by = self._recipe.source.made()
        for name, value in made_by.items():
            if value != (wanted := self._recipe.made_by.get(name)):
                raise SetupError(
                    f"a worker makes its tasks by {name}={value!r} and the job by {wanted!r}; "
                    "put the same files on all machines"
                )
        return {task.id: task for task in tasks}

    def _opened(self) -> tuple[BlockingPortal, Model | Driver]:
        """Model and sandbox belong to an event loop of their own, since an actor's methods come and go."""
        if self._portal is None or self._model is None:
            recipe = self._recipe
            self._tasks = self._made()
            self._portal = self._stack.enter_context(start_blocking_portal())
            self._portal.call(signal.pthread_sigmask, signal.SIG_UNBLOCK, [signal.SIGINT])
            place = sandbox(recipe.sandbox, **recipe.sandbox_options)
            if isinstance(place, AbstractAsyncContextManager):
                shared = cast("AbstractAsyncContextManager[Sandbox]", place)
                place = self._stack.enter_context(self._portal.wrap_async_context_manager(shared))
            player = open_player(recipe.player, **recipe.player_options)
            self._model = self._stack.enter_context(self._portal.wrap_async_context_manager(player))
            self._sandbox = place
        return self._portal, self._model
