"""Generated tasks: the same from the same seed, as hard as said, solvable by their oracles and not by guessing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from codeact.errors import ToolError, UsageError
from codeact.rollouts import OracleRow, oracle_rows
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Expected, Task, suite
from codeact.tasks.m3gen.suite import CALLS, DOMAINS
from codeact.tools import ToolSet
from codeact.types import Answer, ToolCall

pytestmark = pytest.mark.anyio

SUITE = suite("m3gen")


def failures(row: OracleRow) -> list[str]:
    return [f"{episode.task}: {episode.verdict.reason}" for episode in row.episodes if not episode.verdict.correct]


@pytest.mark.parametrize("branching", [False, True])
@pytest.mark.parametrize("size", [1, 7])
async def test_the_oracles_solve_them_in_exactly_the_calls_that_were_asked_for(branching: bool, size: int) -> None:
    tasks = SUITE.tasks(seed=size, branching=branching, size=size, distractors=2)
    for row in await oracle_rows(tasks, formats=["json", "text"]):
        assert failures(row) == []
        turns = {episode.task: episode.result.turns for episode in row.episodes}
        assert turns == {task.id: task.labels["calls"] + 1 for task in tasks}


async def test_the_hardest_ones_can_still_be_solved_where_each_call_is_a_turn() -> None:
    tasks = SUITE.tasks(count=8, calls=48, size=30, branching=True)
    [row] = await oracle_rows(tasks, formats=["text"])
    assert failures(row) == []


@pytest.mark.timeout(300)  # 48 of them in a real box, also where others burn the cores
async def test_in_code_every_number_of_calls_is_one_turn(warm_sandbox: LocalSandbox) -> None:
    tasks = [*SUITE.tasks(seed=5), *SUITE.tasks(seed=5, count=8, calls=12, branching=True)]
    assert len({task.labels["calls"] for task in tasks}) > 4
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox)
    assert (failures(row), row.most_turns) == ([], 1)


def test_the_same_seed_gives_the_same_tasks_and_another_one_others() -> None:
    def made(seed: int) -> list[str]:
        tasks = SUITE.tasks(seed=seed, count=80)
        return [f"{task.prompt} {task.judge if isinstance(task.judge, Expected) else ''}" for task in tasks]

    assert made(1) == made(1)
    assert not set(made(1)) & set(made(2))


def test_every_domain_comes_with_every_number_of_calls() -> None:
    tasks = SUITE.tasks()
    assert Counter((task.domain, task.labels["calls"]) for task in tasks) == {
        (domain, calls): 1 for domain in DOMAINS for calls in CALLS
    }
    assert len({task.id for task in SUITE.tasks(count=200)}) == 200


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("branching", [False, True])
def test_guessing_solves_nothing(domain: str, branching: bool) -> None:
    """No answer is the right one of many tasks, and none is in its prompt; a mail is not sent by an answer."""
    tasks = SUITE.tasks(domains=domain, count=60, calls=(1, 4), branching=branching)
    values = [task.judge.value for task in tasks if isinstance(task.judge, Expected)]
    assert len(values) == (30 if domain == "mail" else 60)
    assert Counter(map(repr, values)).most_common(1)[0][1] <= 2
    told = [task.id for task in tasks if isinstance(task.judge, Expected) and repr(task.judge.value) in task.prompt]
    assert told == []


async def test_mails_count_and_words_do_not() -> None:
    [task] = SUITE.tasks(domains="mail", count=1, calls=3)
    async with task.open("json") as world:
        assert not task.judge(Answer("done"), world).correct
        tools = ToolSet(world.tools)
        title = task.prompt.partition("of the meeting ")[2].split()[0]
        meeting = await tools.call(ToolCall("find_meeting", (title,)))
        for attendee in meeting["attendees"]:
            assert not task.judge(Answer("done"), world).correct
            await tools.call(ToolCall("send_mail", (attendee["name"], meeting["room"])))
        assert task.judge(None, world).correct
        await tools.call(ToolCall("send_mail", ("somebody", "else")))
        assert not task.judge(Answer("done"), world).correct
    async with task.open("json") as another:
        assert not task.judge(Answer("done"), another).correct


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM sales",
        "ATTACH DATABASE '{file}' AS other",
        "VACUUM INTO '{file}'",
        "PRAGMA query_only = 0",
        "SELECT load_extension('{file}')",
        "SELECT length(zeroblob(1000000000))",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
        "SELECT 1; SELECT 2",
        "nonsense",
    ],
)
async def test_a_shops_database_can_only_be_read(sql: str, tmp_path: Path) -> None:
    [task] = SUITE.tasks(domains="shops", count=1, calls=1)
    shop = task.prompt.partition("among the shops ")[2].split("?")[0]
    file = tmp_path / "file"
    async with task.open("json") as world:
        tools = ToolSet(world.tools)
        with pytest.raises(ToolError):
            await tools.call(ToolCall("query", (shop, sql.format(file=file))))
        assert await tools.call(ToolCall("query", (shop, "SELECT count(*) FROM sales"))) == [(50,)]
    assert not file.exists()


async def test_a_link_that_is_not_on_the_page_leads_nowhere() -> None:
    [task] = SUITE.tasks(domains="web", count=1, calls=4)
    async with task.open("json") as world:
        with pytest.raises(ToolError, match="there is no link '/team' on this page"):
            await ToolSet(world.tools).call(ToolCall("click_url", ("/team",)))


async def test_distractors_are_tools_that_help_nobody() -> None:
    [task] = SUITE.tasks(domains="travel", count=1, distractors=30)
    async with task.open("json") as world:
        tools = ToolSet(world.tools)
        assert len(tools.specs) == 31
        assert "There is no" in str(await tools.call(ToolCall(tools.specs[-1].name, ("x",))))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"domains": "cooking"}, "no domain 'cooking'; there are: decoder"),
        ({"calls": 0}, "calls of m3gen must be a whole number from 1 to 48, not 0"),
        ({"calls": "many"}, "calls of m3gen"),
        ({"calls": ()}, "a number of calls"),
        ({"count": 0}, "count=0"),
        ({"size": 1000}, "size of m3gen"),
        ({"colour": "red"}, "there are: seed, count"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SUITE.tasks(**options)


def test_a_task_says_what_it_is_made_from() -> None:
    [task] = SUITE.tasks(domains="web", count=1, calls=3, seed=9)
    assert isinstance(task, Task)
    assert task.id == "web/9.0-c3-b0-s5-d0"
    assert task.rules.turns == 10
