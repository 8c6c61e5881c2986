"""A task whose world is in the host, and a model that acts by the history, the seed and nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from codeact.events import Emit, ignore
from codeact.models.scripted import ScriptedModel
from codeact.tasks import Environment, Rules, Task, Verdict
from codeact.tools import ToolSource
from codeact.types import Answer, Completion, Message, ToolSpec

Say = Callable[[Sequence[Message], int], str]


@dataclass(slots=True)
class Player:
    """Says what a function makes of the history and the seed, and remembers how often it was asked."""

    say: Say
    name: str = "player"
    seeds: list[int] = field(default_factory=list[int])

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        self.seeds.append(seed or 0)
        reply = ScriptedModel([self.say(messages, seed or 0)], name=self.name)
        return await reply.complete(messages, tools=tools, stop=stop, max_tokens=max_tokens, seed=seed, emit=emit)


def turn(messages: Sequence[Message]) -> int:
    """Which turn it is, from 0."""
    return sum(message.role == "assistant" for message in messages)


def code(*lines: str) -> str:
    return "I go on.\n\n```python\n" + "\n".join(lines) + "\n```"


@dataclass(slots=True)
class Safe:
    """A world with state: what was put into it. `moody` ones say something else in each world."""

    moods: Sequence[str] = ("ok",)
    held: list[str] = field(default_factory=list[str])
    succeeded: bool | None = None
    closed: bool = False

    @property
    def tools(self) -> Sequence[ToolSource]:
        return [self.put]

    def put(self, thing: str) -> str:
        """Put something into the safe."""
        self.held.append(thing)
        return self.moods[0]


def is_held(answer: Answer | None, environment: Environment) -> Verdict:
    assert isinstance(environment, Safe)
    return Verdict(answer is not None and environment.held == [answer.text], "it is not what the safe holds")


def safe_task(worlds: list[Safe], *, moods: Sequence[str] = ("ok",), id: str = "safe", turns: int = 5) -> Task:
    """Make up a word, put it into the safe, and say which it is."""

    @asynccontextmanager
    async def open_safe(actions: str) -> AsyncGenerator[Environment]:
        worlds.append(safe := Safe(moods=moods[len(worlds) % len(moods) :]))
        yield safe
        safe.closed = True

    return Task(
        id=id,
        domain="safes",
        prompt="Put a word of your own into the safe and say which.",
        open=open_safe,
        judge=is_held,
        rules=Rules(turns=turns),
    )


def forgetful(messages: Sequence[Message], seed: int) -> str:
    """Makes up a word that only its variable knows, errs, and then says another; with a new seed it looks it up."""
    match turn(messages):
        case 0:
            return code("import os", "word = os.urandom(8).hex()", "said = put(word)")
        case 1:
            return code("wrod")
        case _:
            return code("final_answer(word)") if seed >= 1000 else "something else"
