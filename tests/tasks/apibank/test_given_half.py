"""The half of the real data that lies beside the project: the figures of the README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from codeact.errors import ParseError, ToolError
from codeact.rollouts import oracle_rows
from codeact.tasks import Task, Verdict, suite
from codeact.tools import ToolSet
from codeact.types import ToolCalls

pytestmark = pytest.mark.anyio

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "api_bank"
given = pytest.mark.skipif(not DATA.is_dir(), reason="API-Bank's dialogues are not beside the project (../shared/data)")

IMPOSSIBLE = {"CancelTimedSwitch-level-1-2/6", "CancelTimedSwitch-level-1-4/6"}
ALWAYS = {
    "Dictionary": 2,
    "Translate": 2,
    "SearchEngine": 1,
    "TimedSwitch": 2,
    "CancelTimedSwitch": 2,
    "QueryScene": 2,
    "ForgotPassword": 2,
    "GetUserToken": 2,
    "RegisterUser": 1,
}
LISTS = {"RecordHealthData": 9, "QueryMeeting": 2, "ModifyMeeting": 2, "AddMeeting": 3}


@cache
def tasks(profile: str) -> Sequence[Task]:
    return suite("apibank").tasks(profile, data=str(DATA))


async def truth(task: Task, actions: str) -> Verdict:
    """The ground truth through writer, parser, tools and judge: all but the loop, which needs a box for code."""
    space = task.rules.space(actions)
    async with task.open(actions) as environment:
        try:
            action = space.parse(space.render(task.oracles[actions].act([], []))).action
            assert isinstance(action, ToolCalls)
            await ToolSet(environment.tools).call(action.calls[0])
        except (ParseError, ToolError):
            pass
        return task.judge(None, environment)


async def lost(profile: str, actions: str) -> Counter[str]:
    failed = [task for task in tasks(profile) if not (await truth(task, actions)).correct]
    return Counter(str(task.labels["api"]) for task in failed)


@given
def test_the_half_has_194_calls_and_198_samples() -> None:
    assert (len(tasks("fixed")), len(tasks("paper"))) == (194, 198)
    assert len({task.id for task in tasks("paper")}) == 198


@given
async def test_the_originals_ceilings_on_the_half_and_what_each_lost_call_is_lost_to() -> None:
    assert await lost("paper", "json") == Counter(ALWAYS)  # 182 of 198
    assert await lost("paper", "code") == Counter(ALWAYS) + Counter(LISTS)  # 166
    assert await lost("paper", "text") == Counter(ALWAYS) + Counter(LISTS) + Counter(GetToday=3)  # 163


@given
async def test_real_parsers_make_the_formats_equal() -> None:
    assert [await lost("parsers", actions) for actions in ("code", "json", "text")] == [Counter(ALWAYS)] * 3


@given
async def test_the_ground_truth_passes_all_that_is_possible() -> None:
    rows = await oracle_rows(tasks("fixed"), formats=["json", "text"])
    failed = [{episode.task for episode in row.episodes if not episode.verdict.correct} for row in rows]
    assert failed == [IMPOSSIBLE, IMPOSSIBLE]
    assert {task.id for task in tasks("fixed") if "impossible" in task.labels} == IMPOSSIBLE


@given
def test_every_prefix_can_be_written_in_every_format() -> None:
    for task in [*tasks("fixed"), *tasks("paper")]:
        for actions in ("code", "json", "text"):
            roles = [message.role for message in task.earlier(task.rules.space(actions))]
            assert all(role != following for role, following in pairwise(roles)), task.id
