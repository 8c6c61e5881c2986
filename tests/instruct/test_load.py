"""Candidates from files: episodes that were really played, trajectories, MINT's outputs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from codeact.errors import TrajectoryError, UsageError
from codeact.instruct.candidate import About, Candidate, of_trajectory
from codeact.instruct.collection import collect, repairs_of
from codeact.instruct.learned import Learned
from codeact.instruct.load import read_candidates
from codeact.instruct.pipeline import pipeline
from codeact.instruct.selection import Selection
from codeact.rollouts import Job
from codeact.sandbox.local import LocalSandbox
from codeact.trajectory import dump_line, load_trajectories
from codeact.types import Message, NativeCall

from .episodes import MENDED, STRAIGHT, mint_line, played, task
from .players import Player, forgetful, safe_task

pytestmark = pytest.mark.anyio

REAL = Path(__file__).parents[3] / "shared/data/mint/outputs"
with_real_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"MINT's published outputs are not at {REAL}")


async def test_an_episode_in_code_with_all_that_may_go_wrong(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    spent = {"input_tokens": 9, "cached_tokens": 0, "output_tokens": 3, "cost": None}
    repaired = {"from": "x", "step": 2, "tries": 1, "spent": spent}
    path = await played(tmp_path / "r.jsonl", MENDED, warm_sandbox, tasks=[task(repaired=repaired)])
    (found,) = read_candidates(path)
    assert [turn.kind for turn in found.turns] == ["unreadable", "action", "action", "answer", "answer"]
    assert [turn.erred for turn in found.turns] == [False, True, False, False, False]
    assert [turn.says_error for turn in found.turns] == [False, True, True, False, False], "the word says more"
    assert [turn.answered_wrong for turn in found.turns] == [False, False, False, True, False]
    assert found.erred_then_fixed
    row = found.row
    assert (row.success, row.turns, row.domain, row.task) == (True, 5, "sums", "sums/product")
    assert (row.source, row.licence, row.model) == ("own sums", "own", "local:small")
    assert row.id.startswith("sums/plain/product/local:small/code/0/")
    assert row.origin["errors"] == "recorded"
    assert row.origin["repaired"] == repaired
    assert found.asked == "What is six times seven, product?"
    assert [row.messages[turn.message].content for turn in found.turns] == list(MENDED)


async def test_the_talk_is_what_the_model_saw_up_to_its_last_reply(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    path = await played(tmp_path / "r.jsonl", MENDED, warm_sandbox)
    (found,) = read_candidates(path)
    messages = found.row.messages
    assert [message.role for message in messages] == ["system", "user", *["assistant", "user"] * 4, "assistant"]
    assert "final_answer" in messages[0].content, "the instructions that the agent is served with"
    assert "NameError" in messages[5].content
    assert not any(message.is_copied_context for message in messages)
    read = found.as_context(["unreadable", "wrong", "erred"]).messages
    assert [index for index, message in enumerate(read) if message.is_copied_context] == [2, 4, 8]


async def test_a_trajectory_that_nobody_has_judged(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    (trajectory,) = load_trajectories(await played(tmp_path / "r.jsonl", STRAIGHT, warm_sandbox))
    talk = (Message.of("user", "Hello."), Message.of("assistant", "Hello!"))
    later = replace(trajectory, prompt=(trajectory.prompt[0], *talk, trajectory.prompt[1]), parent="earlier")
    shown = replace(later, parent=None)
    path = tmp_path / "t.jsonl"
    path.write_text("".join(dump_line(each) + "\n" for each in (trajectory, later, shown)))
    plain, copied, example = read_candidates(path)
    assert (plain.row.success, plain.answered, plain.row.licence) == (False, True, "")
    assert [message.is_copied_context for message in copied.row.messages[:5]] == [True, True, True, False, False]
    assert [message.is_copied_context for message in example.row.messages[:4]] == [False, False, True, False]
    assert copied.row.messages[copied.turns[0].message].content == STRAIGHT[0]


async def test_what_a_repair_shares_with_its_episode_is_learned_once(
    tmp_path: Path, bare_sandbox: LocalSandbox
) -> None:
    job = Job(suite="safes", profile="plain", model="player", tasks=[safe_task([])], actions=["code"])
    path = tmp_path / "r.jsonl"
    await collect(job, path, Player(forgetful), repair=1, sandbox=bare_sandbox)
    repaired = repairs_of(path)

    def learned(*files: Path) -> list[list[str]]:
        return [
            [said.content for said in row.messages if said.role == "assistant" and not said.is_copied_context]
            for row in Selection(files=files, pipeline=pipeline("none")).rows()
        ]

    [episode] = learned(path)
    [repair] = learned(repaired)
    assert episode[:2] == repair[:2], "one of them alone has all of its replies"
    assert learned(path, repaired) == [episode, repair[2:]]
    assert learned(repaired, path) == [repair, episode[2:]], "in whatever order they come"


async def test_another_repair_of_an_episode_that_failed(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    (trajectory,) = load_trajectories(await played(tmp_path / "r.jsonl", MENDED, warm_sandbox))

    def repair(name: str, step: int) -> Candidate:
        origin = {"trajectory": name, "repaired": {"from": "failed", "step": step}}
        about = About(id=name, success=True, domain="d", task="t", source="s", licence="own", model="m", origin=origin)
        return of_trajectory(trajectory, about)

    learned = Learned()
    rows = [repair("one", 1), repair("two", 3), repair("three", 2), repair("failed", 0), repair("failed", 0)]
    assert [learned.before(row) for row in rows] == [0, 1, 2, 3, 0], "one that came to nothing is the episode itself"


async def test_a_results_file_with_a_broken_line(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    path = await played(tmp_path / "r.jsonl", STRAIGHT, warm_sandbox)
    whole = path.read_bytes()
    said: list[str] = []
    path.write_bytes(whole + whole.splitlines()[1][:500])
    assert len(list(read_candidates(path, said.append))) == 1
    assert said == [f"{str(path)!r}, line 3: left out, because it was cut off"]
    broken = {"kind": "broken", "rollout": {"task": "a", "actions": "code", "seed": 0, "labels": {}}, "error": "gone"}
    path.write_bytes(whole + json.dumps(broken).encode() + b"\n")
    assert len(list(read_candidates(path, said.append))) == 1
    assert "1 broken episodes left out" in said[1]
    path.write_bytes(whole + b'{"kind": "trajectory", "rollout": {}}\n')
    with pytest.raises(UsageError, match="line 3: not an episode"):
        list(read_candidates(path))


async def test_a_figure_is_told_of_as_a_text_model_is_served(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    plot = "```python\nimport matplotlib.pyplot as plt\nplt.plot([1]);\n```"
    (found,) = read_candidates(await played(tmp_path / "r.jsonl", (plot, *STRAIGHT), warm_sandbox))
    assert found.plain
    assert found.row.messages[3].content.endswith("[1 image not shown: this model reads text only]")


async def test_what_a_row_of_text_cannot_hold(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    (trajectory,) = load_trajectories(await played(tmp_path / "r.jsonl", STRAIGHT, warm_sandbox))
    about = About(id="x", success=True, domain="d", task="t", source="s", licence="own", model="m", origin={})
    first, *rest = trajectory.steps
    called = replace(first.completion, calls=(NativeCall("c1", "python", "{}"),))
    native = of_trajectory(replace(trajectory, steps=(replace(first, completion=called), *rest)), about)
    assert (native.plain, of_trajectory(trajectory, about).plain) == (False, True)
    silent = replace(first, completion=replace(first.completion, text=" "), kept=None, reply=None)
    empty = of_trajectory(replace(trajectory, steps=(silent, *rest)), about)
    assert [turn.kind for turn in empty.turns] == ["action", "answer"], "an empty reply is no message"
    assert (empty.row.turns, empty.unreadable) == (3, 1)
    assert [message.role for message in empty.row.messages] == ["system", *["user", "assistant"] * 2]
    odd = of_trajectory(replace(trajectory, steps=(replace(first, kept="a \ud800 b"), *rest)), about)
    assert odd.row.messages[2].content == "a \N{REPLACEMENT CHARACTER} b"


def test_files_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for text, words in (
        ("", "is empty"),
        ("hello\n", "line 1: not JSON"),
        ('{"a": 1}\n', "of no kind that can be selected from"),
        ('{"messages": []}\n', "holds rows, which are selected already"),
        (mint_line("hi") + '{"state": {"history": 3}, "task": {}}\n', r"line 2: not a line of MINT's .*state\.history"),
        (mint_line("hi").replace("---", "- -"), "line 1: .* no line '---' before the task"),
    ):
        path.write_text(text)
        with pytest.raises(UsageError, match=words):
            list(read_candidates(path))
    path.write_text('{"kind": "trajectory"}\n')
    with pytest.raises(TrajectoryError, match=r"x\.jsonl', line 1"):
        list(read_candidates(path))


def test_a_line_of_mints_outputs(tmp_path: Path) -> None:
    path = tmp_path / "some-model.max5.jsonl"
    talk = (
        "Assistant:\n<thought> First. </thought>\n<execute>\nprint(totl)\n</execute>",
        "Observation:\nNameError  Traceback (most recent call last)\nNameError: name 'totl'\nYou have 4 steps left",
        "<execute>\nprint('no Error here')\n</execute>",
        "Observation:\nno Error here\nYou have 3 steps left",
        "<execute>\nx = (\n</execute>",
        "Observation:\nCell In[3], line 1\n    x = (\n        ^\nSyntaxError: '(' was never closed\n",
        "I would say 42",
        "Observation:\nI don't understand your input.",
        "<solution> 41 </solution>",
        "Observation:\nYour answer is wrong.\n",
        "The answer is <solution> 42 </solution>",
        "Observation: a message that nobody read",
    )
    path.write_text(mint_line(*talk))
    (found,) = read_candidates(path)
    assert [turn.kind for turn in found.turns] == ["action", "action", "action", "unreadable", "answer", "answer"]
    assert [turn.erred for turn in found.turns] == [True, False, True, False, False, False]
    assert [turn.says_error for turn in found.turns] == [True, True, True, False, False, False]
    assert found.turns[4].answered_wrong
    messages = found.row.messages
    assert messages[0].content == "You help.\n\nYou have 5 chances."
    assert messages[1].content == "Task:\nWhat is six times seven?"
    assert messages[2].content == "First. \n<execute>\nprint(totl)\n</execute>"
    assert messages[-1].content.startswith("The answer is")
    assert (found.row.model, found.row.licence, found.row.origin["errors"]) == (
        "some-model",
        "Apache-2.0",
        "recognised",
    )


@with_real_data
def test_mints_real_outputs() -> None:
    """Four files of the 55; docs/instruct.md has the counts of all."""
    names = ("gpt-4-0613", "CodeActAgent-Mistral-7b-v0.1", "Eurus-70B-KTO", "Llama-2-7b-hf")
    read = {name: list(read_candidates(REAL / f"{name}.max5.jsonl.xz")) for name in names}
    counts = {name: (len(found), sum(each.row.success for each in found)) for name, found in read.items()}
    assert counts["gpt-4-0613"] == (188, 132)
    every = [each for found in read.values() for each in found]
    assert len({each.row.id for each in every}) == len(every)
    assert len({each.row.task for each in every}) == len({each.asked for each in every})
    unread = Counter(each.unreadable - sum(turn.kind == "unreadable" for turn in each.turns) for each in every)
    assert unread[0] > 0.95 * len(every), "but for replies that were empty, and left no message"
    assert not any("<thought>" in message.content for each in every for message in each.row.messages[:2])
    restored = [Candidate.from_line(each.to_line()) for each in every[::50]]
    assert restored == every[::50]
