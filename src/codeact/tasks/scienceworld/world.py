"""The world of an episode: tools that take steps, a goal that only the simulator knows, its score as the signal."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Protocol, cast

import anyio
from anyio import to_thread

from codeact.errors import MissingExtraError, ToolError
from codeact.tasks.base import Environment, Verdict
from codeact.tools import ToolSource, tool
from codeact.types import Answer

STEPS = 100  # of the simulator, as in the paper
WHOLE = 100  # the score of a task that is done
OVER = "This experiment is over: answer now."


class Game(Protocol):
    """What is needed of `simulator.Simulator`."""

    @property
    def goal(self) -> str: ...

    @property
    def score(self) -> int: ...

    @property
    def over(self) -> bool: ...

    def step(self, action: str) -> str: ...

    def objects(self) -> list[str]: ...

    def load(self, experiment: str, variation: int) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Laboratory:
    """A game and how many steps were taken in it."""

    game: Game
    taken: int = 0
    score: int = 0  # the last that was not below 0, where the simulator's own falls when all is lost
    _turn: threading.Lock = field(
        default_factory=threading.Lock, repr=False
    )  # parallel calls come from several threads

    @property
    def told(self) -> str:
        return self.game.goal

    @property
    def succeeded(self) -> bool:
        return self.score >= WHOLE

    @property
    def tools(self) -> Sequence[ToolSource]:
        @tool
        def step(action: str) -> str:
            """Do one thing in the world, in its own words, and get what is seen: `open door to kitchen`."""
            with self._turn:
                return self._step(action)

        @tool(read_only=True)
        def objects() -> list[str]:
            """The names of all things that can be acted on from here. Takes no step."""
            with self._turn:
                return self.game.objects()

        return [step, objects]

    def _step(self, action: str) -> str:
        if self.game.over or self.taken >= STEPS:
            raise ToolError(OVER)
        self.taken += 1
        seen = self.game.step(action)
        now = self.game.score
        self.score = now if now >= 0 else self.score
        return f"{seen}\n{OVER}" if self.game.over or self.taken >= STEPS else seen


def scored(answer: Answer | None, environment: Environment) -> Verdict:
    """By the simulator's score, whatever the answer says; told in any case, because its mean is what is published."""
    score = cast("Laboratory", environment).score
    return Verdict(score >= WHOLE, f"score {score} of {WHOLE}")


@asynccontextmanager
async def open_laboratory(experiment: str, variation: int, actions: str) -> AsyncGenerator[Environment]:
    """A simulator of its own for this episode.

    Raises:
        MissingExtraError, SetupError: the package or Java is not installed.
        SandboxError: the simulator failed.
    """
    try:
        simulator: Any = import_module("codeact.tasks.scienceworld.simulator")
    except ModuleNotFoundError as error:
        raise MissingExtraError("scienceworld", "the suite 'scienceworld'") from error
    game: Game = await to_thread.run_sync(simulator.start)  # not to be cancelled once it has begun: it owns a process
    try:
        await to_thread.run_sync(partial(game.load, experiment, variation))
        yield Laboratory(game)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(game.close)
