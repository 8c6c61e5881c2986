"""What went wrong, told from real episodes: with a box for code, without one for the other formats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from codeact.actions.base import ActionSpace
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Key, Results, Rollout
from codeact.rollouts.episode import Driver
from codeact.rollouts.taxonomy import episode_failure, step_failures
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Rules, Task, Verdict
from codeact.types import (
    CodeAction,
    Completion,
    ErrorKind,
    ExecError,
    ExecResult,
    Observation,
    Outcome,
    Reply,
    Step,
    ToolSpec,
    Trajectory,
)

from ..bench.runs import money, played  # noqa: TID252 (tests are no package with a name)

pytestmark = pytest.mark.anyio

CALL = '{{"tool": "{name}", "args": {args}}}'
EUR = CALL.format(name="rate", args='{"currency": "EUR"}')
REPLIES: dict[str, Sequence[tuple[str, str | None]]] = {  # of one episode each, with what each step failed by
    "json": [
        (EUR, None),
        (CALL.format(name="rate", args='{"currency": [1]}'), "wrong argument"),
        (CALL.format(name="rate", args="{}"), "wrong argument"),
        (CALL.format(name="rates", args='{"currency": "EUR"}'), "wrong tool"),
        (CALL.format(name="rate", args='{"currency": "USD"}'), "exception"),
        (CALL.format(name="rate", args='{"currency": "EUR", "year": 1066}'), "exception"),
        ('```json\n{"tool": rate("EUR") [\n```', "parse"),
        (EUR, None),
        (EUR, "loop"),
        ('{"answer": 7}', "wrong answer"),
    ],
    "code": [
        ("print(rate('EUR'))", None),
        ("rate([1])", "wrong argument"),
        ("rate()", "wrong argument"),
        ("rates('EUR')", "wrong tool"),
        ("print(rates)", "exception"),
        ("rate('USD')", "exception"),
        ("1 / 0", "exception"),
        ("int([])", "exception"),
        ("try:\n    rate('USD')\nexcept KeyError:\n    print('none')", None),
        ("def f(:", "parse"),
        ("eval('1 +')", "parse"),
        ("!true\nrates('JPY')", "wrong tool"),
        ("import os; os._exit(3)", "exception"),
        ("final_answer(7)", "wrong answer"),
    ],
}


def scripted(format_: str) -> Driver:
    def model(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        texts = [text for text, _ in REPLIES[format_]]
        return ScriptedModel([f"```python\n{text}\n```" for text in texts] if format_ == "code" else texts)

    return model


@pytest.mark.parametrize("format_", ["json", "code"])
async def test_each_step_by_what_is_recorded(format_: str, tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    rules = Rules(turns=30)
    results = await played(
        tmp_path, scripted(format_), tasks=money(1, rules=rules), actions=(format_,), sandbox=warm_sandbox
    )
    failure, steps = failures(results.judged[0])
    texts = [text for text, _ in REPLIES[format_]]
    assert list(zip(texts, steps, strict=True)) == REPLIES[format_]
    assert failure == "wrong answer"


def failures(rollout: Rollout) -> tuple[str | None, list[str | None]]:
    """Of the episode, and of each of its steps."""
    assert rollout.trajectory is not None
    assert rollout.verdict is not None
    steps = step_failures(rollout.trajectory, rollout.verdict)
    return episode_failure(rollout.trajectory, rollout.verdict), list(steps)


async def ended(folder: Path, replies: Sequence[str | Completion], rules: Rules) -> tuple[str | None, list[str | None]]:
    def model(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        return ScriptedModel(replies)

    results: Results = await played(folder, model, tasks=money(1, rules=rules), actions=("json",))
    return failures(results.rollouts[Key("task-0", "json", 0)])


OTHER = CALL.format(name="rate", args='{"currency": "JPY"}')
BAD = '```json\n{"tool": rate("EUR") [\n```'


@pytest.mark.parametrize(
    ("replies", "rules", "why"),
    [
        (['{"answer": 0}'], Rules(), None),
        (['{"answer": 1}'], Rules(), "wrong answer"),
        ([EUR, OTHER], Rules(turns=2), "limit"),
        ([EUR, CALL.format(name="nothing", args="{}")], Rules(turns=2), "wrong tool"),
        ([EUR] * 9, Rules(), "loop"),
        ([BAD] * 3, Rules(turns=3), "parse"),
        ([BAD] * 9, Rules(unreadable_turns=False), "parse"),
        ([Completion(text=BAD, finish="length")] * 9, Rules(unreadable_turns=False), "limit"),
        (['{"answer": 1}', '{"answer": 2}'], Rules(turns=2, attempts=None), "wrong answer"),
        (['{"answer": 1}', '{"answer": 0}'], Rules(turns=2, attempts=None), None),
    ],
)
async def test_each_end(replies: Sequence[str], rules: Rules, why: str | None, tmp_path: Path) -> None:
    failure, steps = await ended(tmp_path, replies, rules)
    assert failure == why
    if len(replies) == 2 and replies[0] == '{"answer": 1}':
        assert steps == ["wrong answer", why], "an answer that was sent back failed, also when the next one is right"


@pytest.mark.parametrize(
    ("kind", "failure"), [("timeout", "limit"), ("out_of_memory", "limit"), ("crashed", "exception")]
)
def test_what_ended_code_from_outside(kind: ErrorKind, failure: str) -> None:
    result = ExecResult(error=ExecError(kind=kind, name="Ended", message=""))
    started = datetime(2026, 11, 22, tzinfo=UTC)
    step = Step(
        number=1,
        completion=Completion(text=""),
        reply=Reply(action=CodeAction("work()")),
        result=result,
        observation=Observation(text=""),
        started=started,
    )
    assert step_failures(Trajectory(id="", task="", prompt=(), steps=(step,), created=started), Verdict(False)) == [
        failure
    ]


@pytest.mark.parametrize(("failure", "named"), [("wrong tool", "wrong tool"), ("", "limit"), ("unheard of", "limit")])
def test_what_a_judge_knows_better_than_the_steps(failure: str, named: str) -> None:
    trajectory = Trajectory(id="t", task="", prompt=(), created=datetime.now(UTC), outcome=Outcome(status="turn_limit"))
    assert episode_failure(trajectory, Verdict(False, "f was called; g comes next", failure)) == named
    assert episode_failure(trajectory, Verdict(True, failure=failure)) is None
