"""The half of the real data that lies beside the project: the figures of the README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from codeact.rollouts import oracle_rows
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task, suite

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


async def lost(profile: str, sandbox: LocalSandbox) -> list[Counter[str]]:
    """What the ground truth loses in code, json and text, by API: through writer, parser, loop, tools and box."""
    known = {task.id: str(task.labels["api"]) for task in tasks(profile)}
    rows = await oracle_rows(tasks(profile), sandbox=sandbox)
    assert [row.actions for row in rows] == ["code", "json", "text"]
    return [Counter(known[episode.task] for episode in row.episodes if not episode.verdict.correct) for row in rows]


@given
def test_the_half_has_194_calls_and_198_samples() -> None:
    assert (len(tasks("fixed")), len(tasks("paper"))) == (194, 198)
    assert len({task.id for task in tasks("paper")}) == 198


@given
async def test_the_originals_ceilings_on_the_half_and_what_each_lost_call_is_lost_to(
    warm_sandbox: LocalSandbox,
) -> None:
    in_code, in_json, in_text = await lost("paper", warm_sandbox)
    assert in_json == Counter(ALWAYS)  # 182 of 198
    assert in_code == Counter(ALWAYS) + Counter(LISTS)  # 166
    assert in_text == Counter(ALWAYS) + Counter(LISTS) + Counter(GetToday=3)  # 163


@given
async def test_real_parsers_make_the_formats_equal(warm_sandbox: LocalSandbox) -> None:
    assert await lost("parsers", warm_sandbox) == [Counter(ALWAYS)] * 3


@given
@pytest.mark.timeout(300)
async def test_the_ground_truth_passes_all_that_is_possible(warm_sandbox: LocalSandbox) -> None:
    rows = await oracle_rows(tasks("fixed"), sandbox=warm_sandbox)
    failed = [{episode.task for episode in row.episodes if not episode.verdict.correct} for row in rows]
    assert failed == [IMPOSSIBLE] * 3
    assert {task.id for task in tasks("fixed") if "impossible" in task.labels} == IMPOSSIBLE


@given
def test_every_prefix_can_be_written_in_every_format() -> None:
    for task in [*tasks("fixed"), *tasks("paper")]:
        for actions in ("code", "json", "text"):
            roles = [message.role for message in task.earlier(task.rules.space(actions))]
            assert all(role != following for role, following in pairwise(roles)), task.id
