"""Questions about a file: the same from the same seed, solved by their experts in words, and judged by what is told."""

from __future__ import annotations

import pytest

from codeact.errors import UsageError
from codeact.rollouts import OracleRow, oracle_rows
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import suite
from codeact.tasks.analysis.questions import KINDS
from codeact.tasks.analysis.told import Told
from codeact.tasks.base import Workbench
from codeact.types import Answer, ExecResult

pytestmark = pytest.mark.anyio

SUITE = suite("analysis")


async def solved(warm_sandbox: LocalSandbox, seed: int, count: int) -> OracleRow:
    [row] = await oracle_rows(SUITE.tasks(seed=seed, count=count), formats=["code"], sandbox=warm_sandbox)
    return row


async def test_the_experts_answer_in_words_and_mend_what_fails(warm_sandbox: LocalSandbox) -> None:
    row = await solved(warm_sandbox, 2, 15)
    assert [f"{one.task}: {one.verdict.reason}" for one in row.episodes if not one.verdict.correct] == []
    failed = 0
    for episode in row.episodes:
        steps = episode.result.trajectory.steps
        assert all(step.reply and step.reply.thought for step in steps[:-1])
        last = steps[-1].reply
        assert last
        assert isinstance(last.action, Answer)
        assert " " in last.action.text
        failed += any(isinstance(step.result, ExecResult) and step.result.error for step in steps)
    assert 0 < failed < 15


def test_the_same_seed_gives_the_same_tasks_and_another_one_others() -> None:
    def made(seed: int) -> list[str]:
        return [f"{task.prompt} {task.judge}" for task in SUITE.tasks(seed=seed)]

    assert made(1) == made(1)
    assert not set(made(1)) & set(made(2))


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("The slope is 2.41, and the RMSE 12.04; the plot is in fit.png.", True),
        ("slope=2.4073, rmse=12.0385", True),
        ("The slope is 2.4 and the RMSE is 12.", True),
        ("The slope is 2.41.", False),
        ("The slope is -2.41, and the RMSE 12.04.", False),
        ("It is one of 1, 2, 2.41, 3, 4, 5, 12.04, 13, 14, 15.", False),
        ("slope2.4073 rmse12.0385", False),
    ],
)
def test_numbers_are_looked_for_in_words(text: str, correct: bool) -> None:
    assert Told(numbers=[2.4073, 12.0385])(Answer(text), Workbench()).correct is correct


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("Market has the highest mean, 1,204.5; Station has 900.", True),
        ("It is 1204.5, in Market.", True),
        ("Station, with 1204.5; Market comes next.", False),
        ("The highest mean is 1204.5.", False),
    ],
)
def test_of_several_names_the_right_one_comes_first(text: str, correct: bool) -> None:
    judge = Told(numbers=[1204.5], name="Market", names=["Station", "Market", "Bridge"])
    assert judge(Answer(text), Workbench()).correct is correct


def test_no_answer_tells_nothing() -> None:
    assert Told(numbers=[1.0])(None, Workbench()).reason == "no answer"


def test_unknown_kinds_and_counts_are_refused() -> None:
    with pytest.raises(UsageError, match="no kind 'poems'; there are: fit, groups"):
        SUITE.tasks(kinds="poems")
    with pytest.raises(UsageError, match="count of 1 or more"):
        SUITE.tasks(count=0)


def test_the_readme_names_every_kind() -> None:
    text = SUITE.readme.read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []
