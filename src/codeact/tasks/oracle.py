"""Oracles: agents that know the way, to prove a task solvable and to measure what a format costs.

An oracle is data: a short program over the task's tools that leaves its answer in `result`. It is written by the one
rule that makes formats comparable: *it may read, compare and choose, but what it learns or computes comes from a tool*.

- In `code` the program is one action.
- In `json` and `text` its calls are made one per turn, as the formats have it. What the program does next may depend on
  values seen before, so it is run again each turn over the observations so far, up to the first call that nobody has
  answered yet. The values are read from the text of the observations: an oracle knows no more than a model would.

An oracle speaks through a `Model`, so an episode of one goes through the same parser, loop, tools and box as any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from codeact.actions import literals
from codeact.actions.base import ActionSpace
from codeact.errors import UsageError
from codeact.events import Emit, ignore
from codeact.models.metering import estimated_usage
from codeact.models.scripted import play
from codeact.trajectory.history import OBSERVATION
from codeact.types import (
    JSON,
    Action,
    Answer,
    CodeAction,
    Completion,
    Message,
    NativeResult,
    ToolCall,
    ToolCalls,
    ToolSpec,
)


class Oracle(Protocol):
    """The perfect agent of one task in one format."""

    def act(self, seen: Sequence[str], tools: Sequence[ToolSpec]) -> Action:
        """The next action, after these observations."""
        ...


@runtime_checkable
class Thinking(Oracle, Protocol):
    """An oracle whose replies begin with a thought, for trajectories to train on; nothing that it does rests on it."""

    def thought(self, seen: Sequence[str]) -> str:
        """What stands before the next action; empty for nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Cell:
    """A code action, and what is thought before it."""

    code: str
    thought: str = ""


@dataclass(frozen=True, slots=True)
class Cells:
    """An oracle that writes code: these actions in order; if none of them answers, then what the last one printed."""

    cells: Sequence[str | Cell]
    closing: str = (
        ""  # how that answer is worded: `{}` is the last line that was printed; empty for all of it, as it is
    )

    def act(self, seen: Sequence[str], tools: Sequence[ToolSpec]) -> Action:
        if len(seen) < len(self.cells):
            return CodeAction(_cell(self.cells[len(seen)]).code)
        printed = seen[len(self.cells) - 1].strip()
        return Answer(self.closing.replace("{}", printed.rpartition("\n")[2]) if self.closing else printed)

    def thought(self, seen: Sequence[str]) -> str:
        return _cell(self.cells[len(seen)]).thought if len(seen) < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Stated:
    """The oracle that knows the answer, for tasks that are about finding it, whose tools need not be asked."""

    text: str

    def act(self, seen: Sequence[str], tools: Sequence[ToolSpec]) -> Action:
        return Answer(self.text)


@dataclass(frozen=True, slots=True)
class Calls:
    """An oracle that makes the calls of a program, one per turn."""

    program: str

    def act(self, seen: Sequence[str], tools: Sequence[ToolSpec]) -> Action:
        answered = iter(seen)

        def known(spec: ToolSpec) -> Callable[..., JSON]:
            def call(*args: Any, **kwargs: Any) -> JSON:
                text = next(answered, None)
                if text is None:
                    raise _NotYetSeenError(ToolCall(spec.name, args, kwargs))
                return read_observation(text, spec)

            return call

        scope: dict[str, Any] = {spec.name: known(spec) for spec in tools}
        try:
            exec(self.program, scope)  # noqa: S102 -- a suite's own text, as trusted as its modules
        except _NotYetSeenError as missing:
            return ToolCalls((missing.call,))
        except Exception as error:  # noqa: BLE001 -- a program that does not fit what it saw: the task cannot be solved so
            return Answer(f"no way: {error!r}")
        return Answer(str(scope["result"]), scope["result"])


@dataclass(frozen=True, slots=True)
class Later(Mapping[str, Oracle]):
    """Oracles by action space that are dear to find, and are looked for when somebody asks: most jobs never do."""

    find: Callable[[], Mapping[str, Oracle]]  # the same each time, and cheap from the second time on

    def __getitem__(self, actions: str) -> Oracle:
        return self.find()[actions]

    def __iter__(self) -> Iterator[str]:
        return iter(self.find())

    def __len__(self) -> int:
        return len(self.find())


def program_oracles(program: str) -> Mapping[str, Oracle]:
    """The oracles of a program in the three formats."""
    calls = Calls(program)
    return {"code": Cells([f"{program}\nfinal_answer(result)"]), "json": calls, "text": calls}


def count_calls(program: str, tools: Mapping[str, Callable[..., Any]]) -> int:
    """How many calls a program makes of these tools: the turns before its answer where each call is one."""
    made = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made += 1
            return function(*args, **kwargs)

        return call

    exec(program, {name: counted(function) for name, function in tools.items()})  # noqa: S102 -- as in `Calls`
    return made


def read_observation(text: str, spec: ToolSpec) -> JSON:
    """A tool's value, read from what a model sees of it; text stays as it is where the tool says that it gives text."""
    if spec.signature.endswith("-> str"):
        return text
    found = literals.read_value(text)
    return found.value if found else text


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleModel:
    """An oracle as a model: it writes its actions in a format, and reads what came of them in the history."""

    oracle: Oracle
    space: ActionSpace
    tools: Sequence[ToolSpec]
    name: str = "oracle"

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
        """See `Model.complete`.

        Raises:
            UsageError: the format cannot write an answer.
        """
        seen = seen_in(messages)
        thought = self.oracle.thought(seen) if isinstance(self.oracle, Thinking) else ""
        reply = written(self.oracle.act(seen, self.tools), self.space, thought)
        said = await play(reply, stop=stop, emit=emit, size=max(len(reply.text), 1))
        return replace(said, usage=estimated_usage(messages, tools, said.text), model=self.name)


def seen_in(messages: Sequence[Message]) -> list[str]:
    """The observations of a history: all that is not the model's own after its first reply."""
    roles = [message.role for message in messages]
    first = roles.index("assistant") if "assistant" in roles else len(roles)
    return [_text(message) for message in messages[first:] if message.role != "assistant"]


def written(action: Action, space: ActionSpace, thought: str = "") -> Completion:
    """The action, after its thought, in the first form that the format has for it; one that says so where it has none.

    The value of an answer may have to become JSON's, or its text: formats differ in what an answer can be.
    """
    forms = [action]
    if isinstance(action, Answer):
        as_json = literals.json_text(action.value)
        forms += [Answer(as_json, json.loads(as_json)), Answer(action.text)]
    forms.append(Answer(f"no way to write {action}"))
    for form in forms:
        try:
            return space.render(form, thought)
        except UsageError:
            continue
    raise UsageError(f"the format {space.name}/{space.dialect} cannot even write an answer")


def _cell(cell: str | Cell) -> Cell:
    return Cell(cell) if isinstance(cell, str) else cell


def _text(message: Message) -> str:
    told = message.text or "".join(part.text for part in message.parts if isinstance(part, NativeResult))
    return told.removeprefix(OBSERVATION)


class _NotYetSeenError(Exception):
    def __init__(self, call: ToolCall) -> None:
        super().__init__(call.name)
        self.call = call
