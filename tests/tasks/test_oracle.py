"""An oracle that writes code may think before it acts, and words its answer."""

from __future__ import annotations

import pytest

from codeact.actions import action_space
from codeact.rollouts import oracle, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Cell, Cells, Expected, OracleModel, Task, workbench
from codeact.types import Answer, CodeAction, Message

pytestmark = pytest.mark.anyio

SQUARE = Cells([Cell("n = 7\nprint(n)", "I look at the number first."), Cell("print(n * n)", "Now its square.")])
PROMPT = Message.of("user", "What is the square of 7?")


def task(cells: Cells) -> Task:
    return Task(
        id="square",
        domain="",
        prompt=PROMPT.text,
        open=workbench(lambda actions: []),
        judge=Expected(49),
        oracles={"code": cells},
    )


async def test_a_thought_stands_before_its_action_in_the_record(warm_sandbox: LocalSandbox) -> None:
    episode = await play_episode(task(SQUARE), oracle, sandbox=warm_sandbox)
    steps = episode.result.trajectory.steps
    assert episode.verdict.correct, episode.verdict.reason
    assert [step.reply.thought if step.reply else None for step in steps] == [
        "I look at the number first.",
        "Now its square.",
        "",
    ]
    assert steps[0].completion.text == "I look at the number first.\n\n```python\nn = 7\nprint(n)\n```"


async def test_an_answer_may_be_worded(warm_sandbox: LocalSandbox) -> None:
    episode = await play_episode(task(Cells(SQUARE.cells, "The answer is {}.")), oracle, sandbox=warm_sandbox)
    assert episode.verdict.correct
    assert episode.result.trajectory.steps[-1].completion.text == "The answer is 49."


@pytest.mark.parametrize("dialect", ["fenced", "execute", "action", "native"])
async def test_every_dialect_of_code_reads_back_thought_and_action(dialect: str) -> None:
    space = action_space("code", dialect=dialect)
    model = OracleModel(oracle=SQUARE, space=space, tools=())
    reply = space.parse(await model.complete([PROMPT]))
    assert (reply.action, reply.thought) == (CodeAction("n = 7\nprint(n)"), "I look at the number first.")


def test_cells_may_be_plain_text() -> None:
    cells = Cells(["print(1)"])
    assert (cells.act([], ()), cells.thought([])) == (CodeAction("print(1)"), "")
    assert (cells.act(["1\n2\n"], ()), cells.thought(["1\n2\n"])) == (Answer("1\n2"), "")
    assert Cells(["print(1)"], "It is {}.").act(["1\n2\n"], ()) == Answer("It is 2.")
