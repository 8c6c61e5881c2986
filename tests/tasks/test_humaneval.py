"""HumanEval: both forms of its files, what of a reply is the program, and both profiles played."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Episode, oracle, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task, suite
from codeact.tasks.humaneval.suite import program_in

pytestmark = pytest.mark.anyio

SUITE = suite("humaneval")
HEAD = '''\
from typing import List


def total(numbers: List[int]) -> int:
    """ Their sum.
    >>> total([1, 2])
    3
    """
'''
CHECK = "def check(candidate):\n    assert candidate([1, 2]) == 3\n    assert candidate([]) == 0\n"
PUBLISHED = {
    "task_id": "HumanEval/7",
    "prompt": HEAD,
    "entry_point": "total",
    "canonical_solution": "    return sum(numbers)\n",
    "test": CHECK,
}
OF_MINT = {
    "id": 7,
    "prompt": HEAD.strip(),
    "canonical_solution": "    return sum(numbers)\n",
    "reference": f"{CHECK}\ncheck(total)",
}


def task(folder: Path, profile: str, row: object = PUBLISHED) -> Task:
    path = folder / "HumanEval.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(row).encode()))
    [found] = SUITE.tasks(profile, data=str(folder))
    return found


@pytest.mark.parametrize("row", [PUBLISHED, OF_MINT])
async def test_solutions_of_either_form_of_the_file_pass(
    row: object, tmp_path: Path, warm_sandbox: LocalSandbox
) -> None:
    agent, plain = (task(tmp_path, profile, row) for profile in ("agent", "plain"))
    assert agent.id == plain.id == "HumanEval/7"
    for one, actions in ((agent, "code"), (plain, "text")):
        episode = await play_episode(one, oracle, actions=actions, sandbox=warm_sandbox)
        assert (episode.verdict.correct, episode.result.turns) == (True, 1), episode.verdict.reason


BLOCK = "```python\ndef total(numbers: List[int]) -> int:\n    return sum(numbers)\n```"


async def test_a_model_by_itself(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    async def said(reply: str) -> Episode:
        return await play_episode(task(tmp_path, "plain"), ScriptedModel([reply]), actions="text", sandbox=warm_sandbox)

    example = "```python\nprint(total([1]))\n```"
    for right in (f"Here it is:\n\n{BLOCK}\n\nUse it so:\n\n{example}", f"{example}\n\n{BLOCK}"):
        assert (await said(right)).verdict.correct
    wrong = await said(BLOCK.replace("sum(numbers)", "len(numbers)"))
    assert wrong.verdict.reason == "a test failed: AssertionError"
    assert "the program does not run: " in (await said("I would add them up.")).verdict.reason
    early = await said("```python\nimport os\nos._exit(0)\n```")
    assert not early.verdict.correct


def test_what_of_a_reply_is_the_program() -> None:
    assert program_in("    return sum(numbers)") == "    return sum(numbers)"
    assert program_in("Add:\n```\nx = 1\n```\nthen\n```py\ny = 2\n```") == "x = 1"
    assert (
        program_in("```python\ndef f():\n    s = '```'\n    return s\n```") == "def f():\n    s = '```'\n    return s"
    )


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for row, said in (
        ({**PUBLISHED, "entry_point": ""}, "line 1 of .* is no task of HumanEval: nothing calls its tests"),
        ({"task_id": "HumanEval/7", "prompt": HEAD}, "line 1 of .* is no task of HumanEval: canonical_solution"),
    ):
        with pytest.raises(UsageError, match=said):
            task(tmp_path, "agent", row)
    with pytest.raises(UsageError, match="humaneval has no data of its own; remedy: data=FILE"):
        SUITE.tasks()
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(json.dumps(PUBLISHED).encode())[:-9])
    with pytest.raises(UsageError, match="cannot be read"):
        SUITE.tasks(data=str(tmp_path / "cut.jsonl.gz"))
