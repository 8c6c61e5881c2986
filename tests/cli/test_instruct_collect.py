"""`codeact instruct collect`, as it is typed: what it collects, says, adds up and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeact.cli.collect_options import CollectOptions
from codeact.cli.collect_plan import plan
from codeact.errors import UsageError
from codeact.rollouts import read_results

from .command import Codeact

COLLECT = ("instruct", "collect", "--sandbox", "quick:Quick")
FOLDER = "codeact-runs/instruct"

STUDENT = '''
from contextlib import asynccontextmanager

from codeact.models import ScriptedModel


class Student:
    """Errs in its second turn and then guesses; taken up again after its error, it looks at what it has."""

    name = "student"

    async def complete(self, messages, *, seed=None, **options):
        turn = sum(message.role == "assistant" for message in messages)
        looked = "```python\\nfinal_answer(squares[3])\\n```" if seed >= 1000 else "7"
        said = ["```python\\nsquares = [n * n for n in range(9)]\\n```", "```python\\nsqares[3]\\n```", looked][turn]
        return await ScriptedModel([said]).complete(messages, **options)


@asynccontextmanager
async def opened(**options):
    yield Student()
'''
LOST = STUDENT.replace(
    "        turn = ", "        if seed >= 1000:\n            raise ModelError('gone')\n        turn = "
).replace("from codeact.models", "from codeact.errors import ModelError\nfrom codeact.models")
SQUARES = """
from pathlib import Path

from codeact.tasks import Cells, Expected, Profile, Suite, Task, workbench


def tasks(*, count: int = 2):
    return [
        Task(
            id=f"square-{n}",
            domain="squares",
            prompt="What is 3 squared?",
            open=workbench(lambda actions: []),
            judge=Expected(9),
            oracles={"code": Cells(["n = 3", "square = n * n\\nsquare", "final_answer(square)"])},
        )
        for n in range(count)
    ]


SUITE = Suite(
    name="squares",
    summary="",
    readme=Path(__file__),
    profiles=[Profile(name="generated", summary="", tasks=tasks)],
)
"""


def test_a_student_repairs_itself_and_the_costs_are_told(codeact: Codeact) -> None:
    codeact.write("school/squares.py", SQUARES)
    codeact.write("school/student.py", STUDENT)
    command = (*COLLECT, "-e", "school.squares:SUITE", "-m", "school.student:opened", "--samples", "2")
    command = (*command, "--temperature", "0.9", "--repair", "1")
    first = codeact(*command)
    assert first.returncode == 0, first.stderr
    told = "squares, profile generated: school.student:opened, 2 tasks in code, 2 samples at temperature 0.9"
    assert f"{told}: 4 episodes, 0 done already" in first.stderr
    rows = [line.split() for line in first.stdout.splitlines()]
    assert [row[3:7] for row in rows[1:4]] == [
        ["episodes", "4", "0", "0"],
        ["repairs", "4", "4", "4"],
        ["all", "8", "4", "4"],
    ]
    assert "squares, school.student:opened: 4 failed episodes repaired (4 forked)" in first.stdout
    assert "repaired: 4.0 successes, 4.0 kept;" in first.stdout
    assert "sampled anew: 0.0 successes, 0.0 kept;" in first.stdout
    path = codeact.folder / FOLDER / "squares-generated-school.student-opened.jsonl"
    repairs = path.with_name("squares-generated-school.student-opened.repaired.jsonl")
    whole = path.read_bytes(), repairs.read_bytes()
    again = codeact(*command, "--json")
    assert (again.returncode, again.stderr) == (0, "")
    assert (path.read_bytes(), repairs.read_bytes()) == whole
    planned, cost = [json.loads(line) for line in again.stdout.splitlines()]
    assert (planned["episodes"], planned["done"], planned["repairs_left"]) == (4, 4, 0)
    assert (cost["env"], cost["states"], cost["all"]["kept"]) == ("squares", {"forked": 4}, 4)
    spent = cost["comparison"]
    assert spent["repairs"]["output_tokens"] < spent["anew"]["output_tokens"]
    assert cost["repairs"]["per"]["kept"]["output_tokens"] == cost["repairs"]["output_tokens"] / 4
    shown = codeact("view", str(repairs), "--task", "square-1", "--seed", "1")
    assert shown.returncode == 0, shown.stderr
    assert "NameError" in shown.stdout


def test_experts_of_several_environments(codeact: Codeact) -> None:
    codeact.write("school/squares.py", SQUARES)
    envs = ("--env", "school.squares:SUITE", "--env", "m3gen", "--option", "count=2", "--out", "here")
    done = codeact(*COLLECT, *envs, "--model", "expert", "--samples", "3")
    assert done.returncode == 0, done.stderr
    assert "squares expert: 2/2" in done.stderr
    assert "m3gen expert: 2/2" in done.stderr
    assert sorted(path.name for path in (codeact.folder / "here").iterdir()) == [
        "m3gen-plain-expert.jsonl",
        "squares-generated-expert.jsonl",
    ]
    results = read_results(codeact.folder / "here" / "squares-generated-expert.jsonl")
    assert (results.job["model"], results.job["seeds"], len(results.judged)) == ("expert", [0], 2)
    assert {rollout.trajectory and rollout.trajectory.agent["model"] for rollout in results.judged} == {"expert"}
    rows = [line.split()[:7] for line in done.stdout.splitlines()[1:]]
    assert rows == [
        ["squares", "generated", "expert", "episodes", "2", "2", "2"],
        ["m3gen", "plain", "expert", "episodes", "2", "2", "0"],
    ]


def test_what_is_left_to_repair_is_said(codeact: Codeact) -> None:
    codeact.write("school/squares.py", SQUARES)
    codeact.write("school/student.py", LOST)
    command = (*COLLECT, "-e", "school.squares:SUITE", "-m", "school.student:opened", "--temperature", "1")
    done = codeact(*command, "--repair", "1")
    assert done.returncode == 1, done.stderr
    assert "2 failed episodes are still to be repaired; the same command goes on" in done.stderr
    codeact.write("school/student.py", STUDENT)
    dry = codeact(*command, "--repair", "1", "--dry-run")
    assert "2 episodes, 2 done already, 2 to repair" in dry.stderr
    again = codeact(*command, "--repair", "1")
    assert again.returncode == 0, again.stderr
    assert "2 failed episodes repaired (2 replayed)" in again.stdout
    assert "no comparison with whole new episodes: that needs --samples 2" in again.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"env": []}, "collect needs an environment and a model: --env m3gen --model expert"),
        ({"model": []}, "collect needs an environment and a model"),
        ({"env": ["m3gne"]}, "there is no suite 'm3gne'; did you mean 'm3gen'"),
        ({"env": ["nowhere:SUITE"]}, "the suite at 'nowhere:SUITE' cannot be loaded"),
        ({"env": ["m3gen", "m3gen"]}, "m3gen expert would be collected twice"),
        ({"model": ["openai:a"], "samples": 2, "temperature": 0.0}, r"samples=2 with temperature=0 .* say 0\.7"),
        ({"model": ["openai:a"], "samples": 2, "model_option": ["temperature=0"]}, "samples=2 with temperature=0"),
        ({"model": ["openai:a"], "repair": 2, "temperature": 0.0}, "repair=2 with temperature=0"),
        ({"repair": 1, "ray": "auto"}, "--repair forks sessions of this process, and --ray plays elsewhere"),
        ({"repair_temperature": 1.0}, "--repair-temperature is for --repair"),
        ({"env": ["mint"], "data": Path("nowhere")}, "nowhere"),
        ({"env": ["mint"]}, "data"),
        ({"env": ["scienceworld"]}, "no task of these has an expert for code actions"),
        ({"actions": "yaml"}, "no task of these has an expert for yaml actions; there are experts for: code, json"),
    ],
)
def test_bad_input_is_said_before_anything_starts(options: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"env": ["m3gen"], "model": ["expert"], **options}
    with pytest.raises(UsageError, match=said):
        plan(CollectOptions(**given))


def test_samples_are_drawn_at_a_temperature_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    models = ["openai:a", "local:b", "expert", "scripted:c", "my.own:model"]
    planned = plan(CollectOptions(env=["m3gen"], model=models, samples=3))
    assert [job.job.settings.get("temperature") for job in planned] == [0.7, 0.7, None, None, None]
    assert [list(job.job.seeds) for job in planned] == [[0, 1, 2], [0, 1, 2], [0], [0, 1, 2], [0, 1, 2]]
    [warm] = plan(CollectOptions(env=["m3gen"], model=["openai:a"], model_option=["temperature=1"]))
    assert warm.job.settings["temperature"] == 1
