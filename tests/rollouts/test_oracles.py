"""Every task is solvable in every format, through the real parser, loop, tools and box."""

from __future__ import annotations

import pytest

from codeact.errors import UsageError
from codeact.rollouts import OracleRow, oracle_rows, oracle_table
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Expected, Task, Workbench, suite, workbench
from codeact.types import CodeAction

pytestmark = pytest.mark.anyio

SUITE = suite("m3tooleval")


def lost(row: OracleRow) -> set[str]:
    return {episode.task for episode in row.episodes if not episode.verdict.correct}


@pytest.mark.timeout(300)
async def test_the_code_oracles_solve_82_of_82_in_one_turn_each(warm_sandbox: LocalSandbox) -> None:
    [row] = await oracle_rows(SUITE.tasks(), formats=["code"], sandbox=warm_sandbox)
    assert (lost(row), row.solved) == (set(), 82)
    assert (row.mean_turns, row.most_turns) == (1, 1)


async def test_the_json_and_text_oracles_solve_82_of_82_with_a_turn_for_each_call() -> None:
    rows = await oracle_rows(SUITE.tasks(), formats=["json", "text"])
    assert [lost(row) for row in rows] == [set(), set()]
    assert [(round(row.mean_turns, 2), row.most_turns) for row in rows] == [(6.05, 15), (6.05, 15)]
    assert "| json | 82/82 | 6.05 | 15 |" in oracle_table(rows)
    calls = {task.id: task.labels["calls"] for task in SUITE.tasks()}
    assert {episode.task: episode.result.turns - 1 for episode in rows[0].episodes} == calls


async def test_the_papers_ceilings_in_json_and_text() -> None:
    """What an oracle cannot have under the original's rules: more than ten turns, digits as a text, lost pages."""
    tasks = SUITE.tasks("paper")
    in_json, in_text = await oracle_rows(tasks, formats=["json", "text"])
    assert (in_json.solved, in_text.solved) == (68, 67)
    assert lost(in_text) - lost(in_json) == {"message_decoder/maximum_value_decoding"}
    out_of_turns = {episode.task for episode in in_json.episodes if episode.result.status == "turn_limit"}
    assert len(out_of_turns) == 9
    unreachable = {task for task in lost(in_json) if "owner_of_phone" in task or "customer_support" in task}
    assert len(unreachable) == 5


@pytest.mark.timeout(300)
async def test_the_papers_ceiling_in_code_whose_answer_is_a_turn_of_its_own(warm_sandbox: LocalSandbox) -> None:
    """What no link leads to cannot be read in any format."""
    [row] = await oracle_rows(SUITE.tasks("paper"), formats=["code"], sandbox=warm_sandbox)
    assert (row.solved, len(row.episodes), round(row.mean_turns, 2)) == (77, 82, 2.49)
    assert all("owner_of_phone" in task or "customer_support" in task for task in lost(row))
    assert {episode.result.turns for episode in row.episodes if episode.verdict.correct} == {2}


async def test_the_answer_is_within_no_reach_of_the_code(warm_sandbox: LocalSandbox) -> None:
    """It searches its memory, its files and what it can import."""
    search = """
import gc, os
hits = [str(kind) for kind in map(type, gc.get_objects()) if str(kind.__module__).startswith("codeact.")]
for folder, _, names in os.walk("/box"):
    hits += [name for name in names if "m3tooleval" in folder + name]
try:
    import codeact.tasks
    hits.append("codeact.tasks")
except ImportError:
    pass
final_answer(hits)"""

    class Searcher:
        def act(self, seen: object, tools: object) -> CodeAction:
            return CodeAction(search)

    task = Task(
        id="search",
        domain="",
        prompt="…",
        open=workbench(lambda actions: []),
        judge=Expected([]),
        oracles={"code": Searcher()},
    )
    [row] = await oracle_rows([task], formats=["code"], sandbox=warm_sandbox)
    assert row.episodes[0].verdict.reason == ""


async def test_a_task_without_an_oracle_is_named() -> None:
    task = Task(id="bare", domain="", prompt="…", open=workbench(lambda actions: []), judge=Expected(1))
    with pytest.raises(ExceptionGroup) as caught:
        await oracle_rows([task], formats=["json"])
    assert caught.group_contains(UsageError, match="'bare' has no oracle for 'json'")
    assert Workbench().succeeded is None
