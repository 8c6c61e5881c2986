"""GSM8K: its files, what of a reply is judged, and both profiles played."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import oracle, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import suite
from codeact.tasks.gsm8k.suite import last_number

pytestmark = pytest.mark.anyio

SUITE = suite("gsm8k")
ROWS = [
    {"question": "Ann has 48 clips, and half as many more. How many?", "answer": "48/2 = <<48/2=24>>24\n#### 72"},
    {"question": "What do 1,000 of them cost?", "answer": "A thousand.\n#### 1,000"},
]


def publish(path: Path, *rows: object) -> str:
    path.write_text("\n".join(json.dumps(row) for row in rows or ROWS))
    return str(path)


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("48 + 24 = 72\n#### 72", "72"),
        ("#### 24\nNo:\n#### $1,080.50 in all", "1,080.50"),
        ("It is 72, as 48 + 24.", "24"),
        ("She owes -3, in dollars.", "-3"),
        ("I cannot say.", "I cannot say."),
    ],
)
def test_what_of_a_reply_is_judged(reply: str, read: str) -> None:
    assert last_number(reply) == read


async def test_an_agent_with_python(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    first, second = SUITE.tasks(data=publish(tmp_path / "test.jsonl"))
    assert (first.id, second.id) == ("test/1", "test/2")
    episode = await play_episode(first, oracle, sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.result.turns) == (True, 1)
    said = ScriptedModel(["```python\nfinal_answer(25 * 40)\n```"])
    assert (await play_episode(second, said, sandbox=warm_sandbox)).verdict.correct
    vague = ScriptedModel(["It is somewhere between 72 and 1000."])
    assert not (await play_episode(second, vague, sandbox=warm_sandbox)).verdict.correct


async def test_a_model_by_itself_is_asked_once(tmp_path: Path) -> None:
    """No box, no system prompt, and no second turn, whatever it says."""
    [first, second] = SUITE.tasks("plain", data=publish(tmp_path / "test.jsonl"))
    right = await play_episode(first, ScriptedModel(["48 and 24.\n#### 72"]), actions="text")
    assert (right.verdict.correct, right.result.turns) == (True, 1)
    assert [message.role for message in right.result.trajectory.prompt] == ["user"]
    assert right.result.trajectory.prompt[0].text.startswith(str(ROWS[0]["question"]))
    thinking = ScriptedModel(["<think>Is it 999?</think>It is 1000."])
    assert (await play_episode(second, thinking, actions="text")).verdict.correct
    wrong = await play_episode(second, ScriptedModel(["Action: page End Action", "1000"]), actions="text")
    assert (wrong.verdict.correct, wrong.result.turns) == (False, 1)
    assert (await play_episode(first, oracle, actions="text")).verdict.correct


async def test_a_packed_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl.xz").write_bytes(lzma.compress(json.dumps(ROWS[0]).encode()))
    [task] = SUITE.tasks(data=str(tmp_path / "train.jsonl.xz"))
    assert task.id == "train/1"


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    for rows, said in (
        (({"question": "?", "answer": "72"},), "line 1 of .* does not end in '#### ' and a number"),
        (({"question": "?", "answer": "#### many"},), "does not end in '#### ' and a number"),
        ((ROWS[0], {"task_id": 1}), "line 2 of .* is no problem of GSM8K: question: Field required"),
    ):
        with pytest.raises(UsageError, match=said):
            SUITE.tasks(data=publish(path, *rows))
    path.write_text("")
    with pytest.raises(UsageError, match="has no rows"):
        SUITE.tasks(data=str(tmp_path))
    (tmp_path / "cut.xz").write_bytes(lzma.compress(b"{}")[:-4])
    with pytest.raises(UsageError, match=r"cannot be read .*cut short"):
        SUITE.tasks(data=str(tmp_path / "cut.xz"))
    with pytest.raises(UsageError, match="gsm8k has no data of its own; remedy: data=FILE"):
        SUITE.tasks()
    for profile, actions, remedy in (("agent", "json", "code"), ("plain", "code", "text")):
        [task, _] = SUITE.tasks(profile, data=publish(path))
        with pytest.raises(UsageError, match=f"cannot be played in '{actions}' actions; remedy: actions='{remedy}'"):
            task.rules.space(actions)
