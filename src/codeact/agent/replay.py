"""Running a recorded run again: the same completions and tool results, a fresh session, and what comes out differently.

No model is asked and no tool is called: what they gave is in the record. The replies are read again and the code is run
again, so a replay tells whether a run depends on anything else: a package's version, the time of day, chance.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeact.actions import action_space
from codeact.actions.base import ActionSpace
from codeact.agent.conversation import PREPARATION
from codeact.errors import ParseError, ToolError
from codeact.events import Emit, ReplyParsed, TurnStarted, ignore
from codeact.sandbox.asking import QUESTIONS, Question
from codeact.sandbox.base import Sandbox, Session
from codeact.sandbox.box.questions import INPUT, PASSWORD
from codeact.sandbox.box.values import from_json, to_json
from codeact.sandbox.network import network_policy
from codeact.trajectory import Difference, compare
from codeact.types import (
    JSON,
    Action,
    CodeAction,
    ExecResult,
    Reply,
    Result,
    Step,
    ToolCall,
    ToolRecord,
    ToolSpec,
    Trajectory,
)

REFUSED = "not run: "  # how the message of an action begins that was not approved


async def replay(
    trajectory: Trajectory,
    place: Sandbox,
    *,
    earlier: Sequence[Trajectory] = (),
    files: Sequence[Path] = (),
    emit: Emit = ignore,
) -> list[Difference]:
    """Run a trajectory's code again and say where its results differ, step by step.

    `earlier` are the trajectories of the same conversation before this one: they are run for their variables and files.
    `files` are put into the workspace first. Steps without a result, and actions that were not approved, are left out.

    Raises:
        UsageError: the record names an action space that there is not.
        SandboxError: the machinery failed.
    """
    runs = (*earlier, trajectory)
    tools = RecordedTools([name for run in runs for name in (*run.agent.get("tools", ()), *_questions(run))])
    async with place.open(tools, network=network_policy(trajectory.agent.get("network", "none"))) as session:
        for file in files:
            await session.put(file.name, file)
        if setup := runs[0].environment.get("setup"):
            await session.run(setup, time_limit=PREPARATION)
        for run in earlier:
            await run_again(run, session, tools, ignore)
        results = await run_again(trajectory, session, tools, emit)
    return sorted([*_read_again(trajectory), *compare(trajectory, results)], key=lambda difference: difference.step)


@dataclass(slots=True)
class RecordedTools:
    """A `ToolBox` that answers from the record: each call of a step gets what the same call got then."""

    names: Sequence[str]
    records: list[ToolRecord] = field(default_factory=list[ToolRecord])  # of the current step, as yet unused

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [
            ToolSpec(name=name, signature="(*args, **kwargs)", doc="", schema={"type": "object", "properties": {}})
            for name in dict.fromkeys(self.names)
        ]

    async def answer(self, question: Question) -> str | None:
        """What the person had answered to the same question; None where the record does not say, as for a password."""
        with contextlib.suppress(ToolError):
            answer = await self.call(ToolCall(PASSWORD if question.secret else INPUT, (question.prompt,)))
            return answer if isinstance(answer, str) else None
        return None

    async def call(self, call: ToolCall) -> Any:
        wanted = (call.name, to_json(list(call.args)), to_json(dict(call.kwargs)))
        for record in self.records:
            if wanted == (record.name, to_json(list(from_json(record.args))), record.kwargs):
                self.records.remove(record)
                return _value(record)
        raise ToolError(f"the record has no such call of {call.name}()", name="LookupError")


async def run_again(
    trajectory: Trajectory, session: Session, tools: RecordedTools, emit: Emit = ignore
) -> Mapping[int, Result]:
    """Run the code of a trajectory in a session whose calls `tools` answers. The results by step, as they are now.

    Raises:
        SandboxError: the machinery failed.
    """
    limit = trajectory.agent.get("budget", {}).get("action_time", 60.0)
    results: dict[int, Result] = {}
    for step, reply, recorded in _with_results(trajectory):
        if isinstance(reply.action, CodeAction) and not _was_refused(recorded):
            emit(TurnStarted(step.number))
            emit(ReplyParsed(reply))
            tools.records = list(recorded.tool_calls) if isinstance(recorded, ExecResult) else []
            results[step.number] = await session.run(reply.action.code, time_limit=limit, emit=emit)
        else:
            results[step.number] = recorded  # no code was run, and the tools' results are the recorded ones
    return results


def _questions(trajectory: Trajectory) -> Iterator[str]:
    """What the code asked the person, as calls; they are answered from the record like tools."""
    for _, _, result in _with_results(trajectory):
        calls = result.tool_calls if isinstance(result, ExecResult) else ()
        yield from (call.name for call in calls if call.name in QUESTIONS)


def _with_results(trajectory: Trajectory) -> Iterator[tuple[Step, Reply, Result]]:
    for step in trajectory.steps:
        if step.reply is not None and step.result is not None:
            yield step, step.reply, step.result


def _read_again(trajectory: Trajectory) -> Iterator[Difference]:
    """Where a completion is read as another action now."""
    space = action_space(trajectory.agent.get("actions", "code"), trajectory.agent.get("dialect"))
    for step in trajectory.steps:
        before, after = (step.reply.action if step.reply else None), _read(space, step)
        if before != after:
            yield Difference(step.number, "action", repr(before), repr(after))


def _read(space: ActionSpace, step: Step) -> Action | None:
    try:
        return space.parse(step.completion).action
    except ParseError:
        return None


def _was_refused(result: Result) -> bool:
    return isinstance(result, ExecResult) and result.error is not None and result.error.message.startswith(REFUSED)


def _value(record: ToolRecord) -> JSON:
    if record.error is not None:
        name, _, message = record.error.partition(": ")
        raise ToolError(message, name=name)
    try:
        return from_json(record.value)
    except ValueError as error:
        raise ToolError(
            f"the record does not hold the value of {record.name}(): {error}", name="LookupError"
        ) from error
