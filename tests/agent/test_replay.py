"""Replays: the record is all they need, and all they trust."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from codeact import Agent, tool
from codeact.agent.replay import RecordedTools, replay
from codeact.errors import ToolError
from codeact.models import ScriptedModel
from codeact.sandbox.local import LocalSandbox
from codeact.types import (
    Answer,
    CodeAction,
    Completion,
    ExecResult,
    Reply,
    Step,
    ToolCall,
    ToolRecord,
    ToolResults,
    Trajectory,
)

pytestmark = pytest.mark.anyio

PLACE = LocalSandbox(preload=())
CALLS: list[str] = []


@tool
def ask(question: str, *, loud: bool = False) -> dict[str, int]:
    """Answer a question."""
    CALLS.append(question)
    if question == "why":
        raise ValueError("nobody knows why")
    return {question: len(question)}


async def recorded(*replies: str, **options: object) -> Trajectory:
    agent = Agent(ScriptedModel(replies), sandbox=PLACE, tools=[ask], **options)
    return (await agent.run("task")).trajectory


async def test_tools_answer_from_the_record_and_are_not_called() -> None:
    code = """```python
print(ask("how"), ask("who", loud=True))
try:
    ask("why")
except ValueError as error:
    print(error)
```"""
    run = await recorded(code, "Done.")
    CALLS.clear()
    assert await replay(run, PLACE) == []
    assert CALLS == []


async def test_a_call_that_was_not_recorded_is_a_difference() -> None:
    run = await recorded('```python\nask("how")\n```', "Done.")
    [step, last] = run.steps
    result = step.result
    assert isinstance(result, ExecResult)
    forgetful = replace(run, steps=(replace(step, result=replace(result, tool_calls=())), last))
    differences = await replay(forgetful, PLACE)
    assert "the record has no such call of ask()" in next(each for each in differences if each.what == "error").replayed


async def test_the_same_call_twice_gets_both_results_in_order() -> None:
    records = [ToolRecord(name="f", args=[1], value=value) for value in ("first", "second")]
    tools = RecordedTools(["f"], list(records))
    assert [await tools.call(ToolCall("f", (1,))) for _ in records] == ["first", "second"]
    with pytest.raises(ToolError, match="no such call"):
        await tools.call(ToolCall("f", (1,)))


async def test_values_too_large_for_the_record_are_said_to_be() -> None:
    tools = RecordedTools(["f"], [ToolRecord(name="f", args=[], value={"$": "bytes", "v": {"omitted": 10**9}})])
    with pytest.raises(ToolError, match="does not hold the value"):
        await tools.call(ToolCall("f"))


async def test_a_reply_that_is_read_differently_now_is_a_difference() -> None:
    run = await recorded("```python\nx = 1\n```", "Done.")
    [step, last] = run.steps
    assert step.reply is not None
    drifted = replace(step, reply=replace(step.reply, action=CodeAction("x = 2")))
    [difference] = await replay(replace(run, steps=(drifted, last)), PLACE)
    assert (difference.step, difference.what) == (1, "action")
    assert "x = 2" in difference.recorded


async def test_what_was_not_approved_is_not_run(tmp_path: Path) -> None:
    async def refuse(subject: object) -> str:
        return "no"

    run = await recorded("```python\nopen('x', 'w')\n```", "Done.", approve=refuse)
    assert await replay(run, PLACE) == []


async def test_other_action_spaces_are_read_again() -> None:
    run = await recorded('```json\n{"name": "ask", "arguments": {"question": "how"}}\n```', "Done.", actions="json")
    assert isinstance(run.steps[0].result, ToolResults)
    CALLS.clear()
    assert await replay(run, PLACE) == []
    assert CALLS == []


async def test_a_run_that_was_cut_off_is_replayed_as_far_as_it_goes() -> None:
    completion = Completion(text="```python\nwhile True: pass\n```")
    cut = Step(
        number=1,
        completion=completion,
        reply=Reply(action=CodeAction("while True: pass")),
        started=datetime(2026, 1, 1, tzinfo=UTC),
    )
    run = Trajectory(id="1", task="task", prompt=(), steps=(cut,), created=datetime(2026, 1, 1, tzinfo=UTC))
    assert await replay(run, PLACE) == []


async def test_answers_are_compared_too() -> None:
    run = await recorded("```python\nfinal_answer(6 * 7)\n```")
    [step] = run.steps
    result = step.result
    assert isinstance(result, ExecResult)
    assert await replay(run, PLACE) == []
    other = replace(run, steps=(replace(step, result=replace(result, answer=Answer("41"))),))
    assert [difference.what for difference in await replay(other, PLACE)] == ["answer"]
