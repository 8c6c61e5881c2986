"""The suite on dialogues of our own: what the ground truth scores in each profile and format, and why."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Episode, oracle_rows, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task, Verdict, suite

pytestmark = pytest.mark.anyio

MEETING = "AddMeeting-GetUserToken-level-2-1/2"
IMPOSSIBLE = "CancelTimedSwitch-level-1-1/1"
TODAY = "GetToday-QueryStock-level-2-1/1"
STATE = {
    "DeleteAccount-RegisterUser-level-2-1/5",
    "DeleteAccount-RegisterUser-level-2-1/7",
    "ForgotPassword-level-2-1/4",
    "ForgotPassword-level-2-1/6",
    "Translate-Dictionary-AppointmentRegistration-QueryRegistration-level-2-1/7",
}
NET = {
    "SendEmail-SearchEngine-level-2-1/1",
    "Translate-Dictionary-AppointmentRegistration-QueryRegistration-level-2-1/1",
    "Translate-Dictionary-AppointmentRegistration-QueryRegistration-level-2-1/3",
}
BROKEN = {IMPOSSIBLE, "TimedSwitch-level-1-1/1", "DeleteMeeting-level-1-1/1", "QueryScene-level-1-1/1"}
LETTER = "SendEmail-SearchEngine-level-2-1/3"


def tasks(folder: Path, profile: str) -> Sequence[Task]:
    return suite("apibank").tasks(profile, data=str(folder))


def task(folder: Path, profile: str, id: str) -> Task:
    return next(task for task in tasks(folder, profile) if task.id == id)


def lost(episodes: Sequence[Episode]) -> set[str]:
    return {episode.task for episode in episodes if not episode.verdict.correct}


async def test_the_ground_truth_passes_wherever_it_is_possible(bank_folder: Path, warm_sandbox: LocalSandbox) -> None:
    repaired = tasks(bank_folder, "fixed")
    rows = await oracle_rows(repaired, sandbox=warm_sandbox)
    assert [(row.actions, lost(row.episodes)) for row in rows] == [
        (name, {IMPOSSIBLE}) for name in ("code", "json", "text")
    ]
    assert {row.mean_turns for row in rows} == {1.0}


def test_an_impossible_call_is_a_task_like_any_other_and_says_why(bank_folder: Path) -> None:
    told = {task.id: task.labels["impossible"] for task in tasks(bank_folder, "fixed") if "impossible" in task.labels}
    assert told == {IMPOSSIBLE: "it failed: the device '1001' is not switched at this time"}


async def test_the_original_loses_calls_to_its_parsers_its_checkers_and_its_state(
    bank_folder: Path, warm_sandbox: LocalSandbox
) -> None:
    published = tasks(bank_folder, "paper")
    assert len(published) == 1 + len(tasks(bank_folder, "fixed"))  # the call after a call counts twice
    code, json, text = await oracle_rows(published, sandbox=warm_sandbox)
    always, lists = STATE | NET | BROKEN, {MEETING, f"{MEETING}-again"}
    assert lost(json.episodes) == always
    assert lost(code.episodes) == always | lists | {LETTER}  # a value ends at an apostrophe
    assert lost(text.episodes) == always | lists | {LETTER, TODAY}  # … at a comma; no parameters, no call


async def test_real_parsers_leave_only_what_no_format_can_do(bank_folder: Path) -> None:
    rows = await oracle_rows(tasks(bank_folder, "parsers"), formats=["json"])
    assert lost(rows[0].episodes) == STATE | NET | BROKEN


async def test_every_lost_call_has_a_reason(bank_folder: Path) -> None:
    [row] = await oracle_rows(tasks(bank_folder, "paper"), formats=["text"])
    reasons = {episode.task: episode.verdict.reason for episode in row.episodes}
    assert reasons[MEETING] == "argument attendees is \"['Bob\", not ['Bob', 'Mary']"
    assert reasons["TimedSwitch-level-1-1/1"] == "TimedSwitch has no parameter device_id"
    assert reasons["ForgotPassword-level-2-1/6"] == "it failed: the password is wrong"
    assert reasons[TODAY] == "no API of this dialogue was called; GetToday comes next"
    assert "cannot be reached" in reasons[next(iter(NET - {"SendEmail-SearchEngine-level-2-1/1"}))]


async def said(task: Task, actions: str, *replies: str, sandbox: LocalSandbox | None = None) -> Episode:
    return await play_episode(task, ScriptedModel(replies), actions=actions, sandbox=sandbox or "local")


async def test_the_first_call_of_a_reply_is_judged(bank_folder: Path) -> None:
    first = task(bank_folder, "fixed", "AddAgenda-GetUserToken-level-2-1/2")
    right = '{"tool": "GetUserToken", "args": {"username": "ada", "password": "engine"}}'
    other = '{"tool": "AddAgenda", "args": ["a1b2c3", "My lecture", "2023-04-05 09:00:00", "Hall"]}'
    assert (await said(first, "json", f"[{right}, {other}]")).verdict.correct
    verdict = (await said(first, "json", f"[{other}, {right}]")).verdict
    assert verdict == Verdict(False, "AddAgenda was called; GetUserToken comes next", "wrong tool")
    words = (await said(first, "json", "Your token is a1b2c3.")).verdict
    assert (words.correct, words.reason[:6]) == (False, "no API")


async def test_free_text_may_differ_as_the_publishers_checkers_allow(bank_folder: Path) -> None:
    agenda = task(bank_folder, "fixed", "AddAgenda-GetUserToken-level-2-1/5")
    written = "Action: AddAgenda, a1b2c3, {}, 2023-04-05 09:00:00, {} End Action"
    assert (await said(agenda, "text", written.format("My long lecture", "Hall"))).verdict.correct
    assert not (await said(agenda, "text", written.format("A talk", "Hall"))).verdict.correct
    elsewhere = (await said(agenda, "text", written.format("My lecture", "Hell"))).verdict
    assert elsewhere == Verdict(False, "argument location is 'Hell', not 'Hall'", "wrong argument")


async def test_digits_and_lists_count_however_a_format_has_to_write_them(bank_folder: Path) -> None:
    switch = task(bank_folder, "fixed", "TimedSwitch-level-1-1/1")
    assert (
        await said(switch, "text", "Action: TimedSwitch, 1001, 2023-04-01 09:00:00, False End Action")
    ).verdict.correct
    meeting = task(bank_folder, "fixed", MEETING)
    quoted = (
        'Action: AddMeeting, a1b2c3, "Engines and looms", "2023-04-03 10:00:00", "2023-04-03 11:00:00", "Room 2", '
        "attendees=\"['Bob', 'Mary']\" End Action"
    )
    assert (await said(meeting, "text", quoted)).verdict.correct


async def test_code_may_compute_the_arguments(bank_folder: Path, warm_sandbox: LocalSandbox) -> None:
    stock = task(bank_folder, "fixed", "GetToday-QueryStock-level-2-1/3")
    code = '```python\ncode = "abc".upper()\nQueryStock(code, date="2023-03-01")\n```'
    assert (await said(stock, "code", code, sandbox=warm_sandbox)).verdict.correct


async def test_an_unreadable_reply_ends_an_episode_of_the_papers(bank_folder: Path) -> None:
    first = task(bank_folder, "paper", "AddAgenda-GetUserToken-level-2-1/2")
    episode = await said(first, "text", "I would get the token first.")
    assert (episode.verdict.correct, episode.result.turns) == (False, 1)
    assert (await said(first, "text", "Here: [Action: GetUserToken, username: ada, password: engine]")).verdict.correct


async def test_the_model_sees_the_dialogue_in_the_roles_of_a_chat(bank_folder: Path) -> None:
    agenda = task(bank_folder, "fixed", "AddAgenda-GetUserToken-level-2-1/5")
    prompt = (await said(agenda, "json", "no")).result.trajectory.prompt
    assert [message.role for message in prompt] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert (
        prompt[2].text == 'One moment.\n\n{"tool": "GetUserToken", "args": {"username": "ada", "password": "engine"}}'
    )
    assert prompt[3].text == "Observation:\n{'token': 'a1b2c3'}"
    assert prompt[4].text == "I have your token.\nNow the lecture."
    assert prompt[5].text == agenda.prompt


async def test_the_papers_history_misspells_an_api_without_parameters_in_code(bank_folder: Path) -> None:
    stock = task(bank_folder, "paper", "GetToday-QueryStock-level-2-1/3")
    shown = {
        actions: [message.text for message in stock.earlier(stock.rules.space(actions))]
        for actions in ("code", "json", "text")
    }
    assert [texts[1] for texts in shown.values()] == ["[GetToda)]", '[{"action": "GetToday"}]', "[Action: GetToday]"]
    assert shown["code"][2] == "Response: 2023-03-31"
    assert (shown["code"][3], stock.prompt) == ("The last of March.", "Continue.")
    meeting = task(bank_folder, "paper", MEETING)
    assert meeting.prompt == "Response: {'token': 'a1b2c3'}"


def test_labels_tell_the_api_the_level_and_the_calls_before(bank_folder: Path) -> None:
    meeting = task(bank_folder, "paper", f"{MEETING}-again")
    assert meeting.domain == "meeting"
    assert meeting.labels == {"api": "AddMeeting", "level": 2, "calls_before": 1, "again": True}


async def test_every_episode_has_databases_of_its_own(bank_folder: Path) -> None:
    account = task(bank_folder, "fixed", "DeleteAccount-RegisterUser-level-2-1/3")
    reply = '{"tool": "DeleteAccount", "args": ["a1b2c3"]}'
    assert [(await said(account, "json", reply)).verdict.correct for _ in range(2)] == [True, True]


@pytest.mark.parametrize("missing", ["lv1-lv2-samples", "init_database", "init_database/Alarm.json"])
def test_a_folder_that_lacks_something_is_refused_by_name(bank_folder: Path, tmp_path: Path, missing: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bank_folder, copy)
    gone = copy / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    wanted = {"lv1-lv2-samples": "level-1-given-desc"}.get(missing, Path(missing).name)
    with pytest.raises(UsageError, match=f"has no {wanted}.*https://github.com/AlibabaResearch"):
        tasks(copy, "fixed")


def test_what_is_no_api_bank_is_refused(bank_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="apibank needs data=PATH"):
        suite("apibank").tasks()
    with pytest.raises(UsageError, match="there is no folder"):
        tasks(tmp_path / "nowhere", "fixed")
    with pytest.raises(UsageError, match="no option 'level'"):
        suite("apibank").tasks(data=str(bank_folder), level=1)
    copy = tmp_path / "copy"
    shutil.copytree(bank_folder, copy)
    file = copy / "lv1-lv2-samples/level-1-given-desc/QueryScene-level-1-1.jsonl"
    file.write_text('{"role": "User"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"QueryScene-level-1-1\.jsonl:1 is no turn .* User\.text: Field required"):
        tasks(copy, "paper")
    file.write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is not JSON"):
        tasks(copy, "paper")
