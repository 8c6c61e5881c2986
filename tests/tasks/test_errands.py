"""Errands: the same from the same seed, solvable by their experts and not by guessing, and true to what is seen."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.rollouts import OracleRow, oracle_rows
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Expected, suite
from codeact.tasks.errands.suite import KINDS
from codeact.types import CodeAction, ExecResult, Step

pytestmark = pytest.mark.anyio

SUITE = suite("errands")


async def solved(warm_sandbox: LocalSandbox, seed: int) -> OracleRow:
    tasks = SUITE.tasks(seed=seed, count=2 * len(KINDS))
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox)
    return row


async def test_the_experts_solve_them_and_think_before_each_action(warm_sandbox: LocalSandbox) -> None:
    row = await solved(warm_sandbox, 3)
    assert [f"{one.task}: {one.verdict.reason}" for one in row.episodes if not one.verdict.correct] == []
    for episode in row.episodes:
        acting = [step for step in episode.result.trajectory.steps if step.reply]
        assert len(acting) >= 2
        assert all(step.reply and step.reply.thought for step in acting)


async def test_an_expert_writes_no_answer_that_it_has_not_seen(warm_sandbox: LocalSandbox) -> None:
    row = await solved(warm_sandbox, 8)
    written = 0
    for episode in row.episodes:
        steps = episode.result.trajectory.steps
        seen = "\n".join(step.observation.text for step in steps if step.observation)
        last = steps[-1].reply
        assert last
        assert isinstance(last.action, CodeAction)
        if value := re.fullmatch(r"final_answer\('(.*)'\)", last.action.code):
            assert value[1] in seen
            written += 1
    assert written


async def test_some_experts_guess_fail_and_go_on_from_what_the_error_says(warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks(seed=1, count=12, kinds=["parcels", "lookup"])
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox)
    assert all(one.verdict.correct for one in row.episodes)
    said = [step.observation.text for one in row.episodes for step in one.result.trajectory.steps if step.observation]
    assert any("there is no service 'express'" in text for text in said)
    assert any("there is no button" in text for text in said)


async def test_slips_fail_and_the_way_out_of_them_says_why(warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks(seed=2, count=24, kinds=["offers", "undo", "hiring"])
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox)
    assert all(one.verdict.correct for one in row.episodes)
    slipped = twice = 0
    for episode in row.episodes:
        codes = [action.code for action in map(code_of, episode.result.trajectory.steps) if action]
        failed = [
            isinstance(step.result, ExecResult) and bool(step.result.error) for step in episode.result.trajectory.steps
        ]
        assert not failed[-1]
        slipped += any(failed)
        twice += any(before == after for before, after in pairwise(codes))
    assert 24 > slipped > twice > 0


def code_of(step: Step) -> CodeAction | None:
    return step.reply.action if step.reply and isinstance(step.reply.action, CodeAction) else None


def test_the_same_seed_gives_the_same_tasks_and_another_one_others() -> None:
    def made(seed: int) -> list[str]:
        return [f"{task.prompt} {task.judge}" for task in SUITE.tasks(seed=seed, count=60)]

    assert made(1) == made(1)
    assert not set(made(1)) & set(made(2))


def test_an_answer_is_no_constant_that_could_be_guessed() -> None:
    for kind in KINDS:
        values = [
            str(task.judge.value) for task in SUITE.tasks(count=40, kinds=kind) if isinstance(task.judge, Expected)
        ]
        assert len(values) == 40
        assert max(map(values.count, values)) <= 20, kind


def test_unknown_kinds_and_counts_are_refused() -> None:
    with pytest.raises(UsageError, match="no kind 'cooking'; there are: chain, lookup"):
        SUITE.tasks(kinds="cooking")
    with pytest.raises(UsageError, match="count of 1 or more"):
        SUITE.tasks(count=0)


def test_the_readme_names_every_kind() -> None:
    text = Path(SUITE.readme).read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []
