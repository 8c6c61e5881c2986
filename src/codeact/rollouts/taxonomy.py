"""What went wrong, in each step and in each episode, read from the recorded fields and not from the words of a text.

A step has at most one kind of failure, an episode that failed has exactly one:

- `parse`: the reply was no action of the format. Code that is not Python counts here, as JSON that is not JSON does.
- `wrong tool`: a tool that does not exist was called; in code, a name that is not defined was called.
- `wrong argument`: a call was refused for its arguments (a `TypeError` of a call of a tool).
- `exception`: a tool or the code raised anything else, or ended the interpreter.
- `loop`: the very action of the step before, with the same result.
- `limit`: a limit of tokens, time or memory; of an episode, also that its turns were over while it was still working.
- `wrong answer`: an answer that was sent back, or that was judged wrong.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from typing import Literal, cast, get_args

from codeact.agent.loop import gist
from codeact.tasks import Verdict
from codeact.types import (
    Answer,
    CodeAction,
    Completion,
    ExecError,
    ExecResult,
    Step,
    ToolRecord,
    ToolResults,
    Trajectory,
)

Failure = Literal["parse", "wrong tool", "wrong argument", "exception", "loop", "limit", "wrong answer"]
FAILURES: tuple[Failure, ...] = get_args(Failure)

_NOT_PYTHON = ("SyntaxError", "IndentationError", "TabError")
_LIMITS = ("timeout", "interrupted", "out_of_memory", "limit")
_UNDEFINED = re.compile(r"name '(\w+)' is not defined")  # CPython's own words: the exception's `name` is not recorded
_REFUSED = re.compile(r"(\w+)\(\) ")  # how a box refuses a call of a tool whose signature it does not fit


def step_failures(trajectory: Trajectory, verdict: Verdict) -> list[Failure | None]:
    """The failure of each step, in order; None for one that went well."""
    tools = cast("Sequence[str]", trajectory.agent.get("tools", ()))
    found = list[Failure | None]()
    for before, step in zip([None, *trajectory.steps], trajectory.steps, strict=False):
        again = before is not None and _same(before, step)
        found.append("loop" if again else _step_failure(step, verdict, tools))
    return found


def episode_failure(trajectory: Trajectory, verdict: Verdict) -> Failure | None:
    """Why an episode failed; None for one that did not.

    An episode that ended at a limit, or because nothing more could be read, is put down to what its last step failed
    by: `limit` is what remains, an episode that ran out of something while it was still working.
    """
    status = trajectory.outcome.status if trajectory.outcome else None
    if verdict.correct:
        return None
    if verdict.failure in FAILURES:  # a judge of calls knows what no step shows: a call that ran well may be wrong
        return verdict.failure
    if status == "answered":
        return "wrong answer"
    if status == "repeated":
        return "loop"
    failures = step_failures(trajectory, verdict)
    return failures[-1] or "limit" if failures else "limit"


def _step_failure(step: Step, verdict: Verdict, tools: Collection[str]) -> Failure | None:
    match step:
        case Step(reply=None, completion=Completion(finish="length")):
            return "limit"
        case Step(reply=None):
            return "parse"
        case _ if _offers_answer(step):
            sent_back = step.observation is not None
            return "wrong answer" if sent_back or not verdict.correct else None
        case Step(result=ExecResult(error=ExecError() as error) as result):
            return _code_failure(step, error, result.tool_calls, tools)
        case Step(result=ToolResults(records)):
            return next((_call_failure(record, tools) for record in records if record.error is not None), None)
        case _:
            return None


def _offers_answer(step: Step) -> bool:
    by_code = isinstance(step.result, ExecResult) and step.result.answer is not None
    return by_code or (step.reply is not None and isinstance(step.reply.action, Answer))


def _call_failure(record: ToolRecord, tools: Collection[str]) -> Failure:
    if record.name not in tools:
        return "wrong tool"
    return "wrong argument" if _class_of(record) == "TypeError" else "exception"


def _code_failure(step: Step, error: ExecError, records: Sequence[ToolRecord], tools: Collection[str]) -> Failure:
    if error.kind != "exception":
        return "limit" if error.kind in _LIMITS else "exception"
    failed = [record for record in records if record.error is not None]
    if failed and _class_of(failed[-1]) == error.name:  # raised by the call, inside the code
        return _call_failure(failed[-1], tools)
    if error.name in _NOT_PYTHON:
        return "parse"
    if error.name == "NameError" and (found := _UNDEFINED.match(error.message)) and _calls(step, found[1]):
        return "wrong tool"
    refused = _REFUSED.match(error.message) if error.name == "TypeError" else None
    return "wrong argument" if refused and refused[1] in tools else "exception"


def _class_of(record: ToolRecord) -> str:
    return (record.error or "").partition(":")[0]


def _calls(step: Step, name: str) -> bool:
    """Whether the step's code calls this name, and does not merely read it."""
    action = step.reply.action if step.reply else None
    if not isinstance(action, CodeAction):
        return False
    try:
        nodes = list(ast.walk(ast.parse(action.code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # `!shell` and `%magic` lines are no plain Python
        return re.search(rf"\b{name}\s*\(", action.code) is not None
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name for node in nodes
    )


def _same(before: Step, after: Step) -> bool:
    """Whether a step is the one before it once more, as the loop counts repetitions."""
    one, other = _gist(before), _gist(after)
    return one is not None and one == other


def _gist(step: Step) -> object:
    action = step.reply.action if step.reply else None
    if isinstance(action, Answer) or action is None or step.result is None:
        return None
    return gist(action, step.result)
