"""The state of an earlier moment of an episode, once more: variables and files, and the world in the host.

Two ways lead there, and a result says which was gone:

- *forked*: the session goes back to a checkpoint that was made before each turn while the episode was played, so
  nothing runs again in the box. The world lives in the host and is no part of a checkpoint: a new one is opened, and
  the recorded calls of its tools are made again in it, but for those of tools that only read.
- *replayed*: the actions run again in a new session and a new world. For sandboxes that keep no checkpoints, and for
  episodes of a process that has ended.

Either way what comes back must be what is on record; a world that answers otherwise the second time (chance, a clock)
cannot be brought there, and says so by `NotRepeatedError`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from codeact.agent import Conversation
from codeact.agent.budget import Meter
from codeact.agent.conversation import Setup
from codeact.agent.execute import Hands
from codeact.errors import SandboxError, TransferError, UnsupportedError
from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.rollouts.episode import Driver, OpenEpisode, checks_of, first_message, open_episode
from codeact.sandbox.asking import QUESTIONS
from codeact.sandbox.base import Checkpoint, Sandbox, Session
from codeact.sandbox.box.values import from_json
from codeact.tasks import Furnished, Task
from codeact.tools import ToolSet
from codeact.trajectory import compare
from codeact.types import (
    Answer,
    Completion,
    ExecResult,
    Message,
    Result,
    ToolBox,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolResults,
    ToolSpec,
    Trajectory,
)


class NotRepeatedError(Exception):
    """An earlier moment cannot be brought about again. Nobody's mistake: worlds may have chance in them."""


@dataclass(slots=True, kw_only=True)
class Bookmarks:
    """A model that marks the state of the session each time before it is asked: that is where a turn begins."""

    model: Model
    session: Session | None = None  # known once the model is
    marks: list[Checkpoint | None] = field(default_factory=list["Checkpoint | None"])  # by the number of steps before

    @property
    def name(self) -> str:
        return self.model.name

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
        """See `Model.complete`. Raises what the model does."""
        self.marks.append(await self._mark() if self.marks else None)  # the first turn begins with nothing
        return await self.model.complete(messages, tools=tools, stop=stop, max_tokens=max_tokens, seed=seed, emit=emit)

    async def _mark(self) -> Checkpoint | None:
        if self.session is None or "checkpoint" not in self.session.capabilities:
            return None
        try:
            return await self.session.checkpoint()
        except (UnsupportedError, TransferError, SandboxError):  # running threads, no room, a box that has just ended
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """An episode that has been played and is still open."""

    opened: OpenEpisode
    marks: Sequence[Checkpoint | None]

    @asynccontextmanager
    async def forked(self, cut: Trajectory, model: Model | Driver, seed: int) -> AsyncGenerator[OpenEpisode]:
        """The episode after its first steps, in the session of then and a world that has come as far.

        Raises:
            NotRepeatedError: that moment cannot be brought about.
            UsageError, SandboxError: its checkpoint is gone.
        """
        task, setup = self.opened.task, self.opened.conversation.setup
        async with task.open(setup.space.name) as environment:
            tools = ToolSet(environment.tools)
            _check_same(cut.task, first_message(task, environment, setup.space.name, tools.specs))
            before = self.opened.conversation.prepared
            _check_same(before, environment.session_setup if isinstance(environment, Furnished) else "")
            await _call_again(tools, setup, cut)
            if setup.session is not None:
                await _go_back(setup.session, self.marks[len(cut.steps)])
            again = replace(
                setup,
                model=model(task, setup.space, tools.specs) if callable(model) else model,
                tools=tools,
                checks=checks_of(task, environment, self.opened.place),
                seed=seed,
                described={**setup.described, "seed": seed},
            )
            conversation = Conversation(setup=again, messages=[], prepared=before)
            yield replace(self.opened, environment=environment, conversation=conversation)


@asynccontextmanager
async def replayed(
    task: Task, model: Model | Driver, cut: Trajectory, *, actions: str, sandbox: str | Sandbox, seed: int
) -> AsyncGenerator[OpenEpisode]:
    """The episode after its first steps, which are run again.

    Raises:
        NotRepeatedError: something came of them that had not come of them before.
        SandboxError: the machinery around the box failed.
    """
    async with open_episode(task, model, actions=actions, sandbox=sandbox, seed=seed) as opened:
        _check_same(cut.task, opened.first)
        setup = opened.conversation.setup
        results = dict[int, Result]()
        with setup.relay.through(hands := _hands(setup.tools, setup, setup.session)):
            for step in cut.steps:
                action = step.reply.action if step.reply else None
                if step.result is not None and action is not None and not isinstance(action, Answer):
                    results[step.number] = await hands.carry_out(action)
        if differing := compare(cut, results):
            first = differing[0]
            raise NotRepeatedError(f"{first.what} of step {first.step} came out differently when it was run again")
        yield opened


async def _go_back(session: Session, mark: Checkpoint | None) -> None:
    if mark is None:
        raise NotRepeatedError("there is no checkpoint of that moment")
    await session.restore(mark)


async def _call_again(tools: ToolBox, setup: Setup, cut: Trajectory) -> None:
    """Bring a new world to where it was by what the agent has done in it."""
    reading = {*QUESTIONS, *(spec.name for spec in tools.specs if spec.read_only)}
    hands = _hands(tools, setup, None)
    for record in _calls(cut):
        if record.name in reading:
            continue
        try:
            call = ToolCall(record.name, tuple(from_json(record.args)), from_json(record.kwargs))
        except ValueError as error:
            raise NotRepeatedError(f"the record does not hold the arguments of {record.name}(): {error}") from error
        answered = await hands.carry_out(ToolCalls((call,)))
        again = answered.records[0] if isinstance(answered, ToolResults) else record
        if (again.error, again.value) != (record.error, record.value):
            raise NotRepeatedError(f"{record.name}() answered otherwise when it was called again")


def _calls(cut: Trajectory) -> Iterator[ToolRecord]:
    for step in cut.steps:
        match step.result:
            case ExecResult(tool_calls=records) | ToolResults(records=records):
                yield from records
            case None:
                pass


def _hands(tools: ToolBox, setup: Setup, session: Session | None) -> Hands:
    return Hands(tools=tools, session=session, approve=None, meter=Meter(setup.budget), emit=ignore)


def _check_same(before: str, now: str) -> None:
    if before != now:
        raise NotRepeatedError("its world asks something else when it is opened again")
