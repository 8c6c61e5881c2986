"""Whole jobs: what is kept, what is gone on with, what stops them. Without a box, but for the last test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codeact.actions.base import ActionSpace
from codeact.errors import AuthenticationError, ConnectionLostError, ModelError, SetupError, UsageError
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Job, Key, Progress, Spending, oracle, read_results, run_job, wilson
from codeact.tasks import Expected, Task, suite, workbench
from codeact.trajectory import load_trajectories
from codeact.types import Completion, Message, ToolSpec, Usage

pytestmark = pytest.mark.anyio

Play = Callable[[Task, ActionSpace, Sequence[ToolSpec]], Model]


def sums(count: int) -> list[Task]:
    return [
        Task(
            id=f"sum-{n}",
            domain="sums" if n % 2 else "odd sums",
            prompt=f"{n} + 1?",
            open=workbench(lambda actions: []),
            judge=Expected(n + 1),
        )
        for n in range(count)
    ]


def job(
    count: int = 3, *, model: str = "counter", actions: Sequence[str] = ("json",), seeds: Sequence[int] = (0,)
) -> Job:
    return Job(suite="sums", profile="plain", model=model, tasks=sums(count), actions=actions, seeds=seeds)


class Players:
    """Gives each episode a model, and remembers which episodes there were."""

    def __init__(self, failing: Sequence[Exception] = (), wrong: Sequence[str] = ()) -> None:
        self.played: list[str] = []
        self._failures = list(failing)
        self._wrong = wrong

    def __call__(self, task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        self.played.append(task.id)
        if self._failures:
            raise self._failures.pop(0)
        number = int(task.id.removeprefix("sum-")) + (2 if task.id in self._wrong else 1)
        return ScriptedModel([json.dumps({"answer": number})] if space.name == "json" else [f"Answer: {number}"])


async def test_every_episode_is_kept_with_its_verdict_and_trajectory(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.jsonl"
    seen: list[tuple[int, int]] = []

    def report(progress: Progress) -> None:
        seen.append((progress.done, progress.running))

    players = Players(wrong=["sum-1"])
    finished = await run_job(job(3, actions=("json", "text"), seeds=(1, 2)), path, players, report=report)
    assert (finished.progress.done, finished.progress.successes, finished.stopped) == (12, 8, None)
    assert seen[0] == (0, 1)
    assert seen[-1] == (12, 0)
    results = read_results(path)
    assert len(results.judged) == 12
    assert results.job["model"] == "counter"
    wrong = results.rollouts[Key("sum-1", "text", 2)]
    assert wrong.verdict is not None
    assert not wrong.verdict.correct
    assert wrong.labels == {"domain": "sums"}
    assert [trajectory.agent["actions"] for trajectory in load_trajectories(path)][:2] == ["json", "text"]
    assert results.rollouts[Key("sum-0", "json", 1)].trajectory == load_trajectories(path)[0]


async def test_nothing_runs_twice_and_a_cut_off_line_runs_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    await run_job(job(), path, Players())
    whole = path.read_bytes()
    again = Players()
    assert (await run_job(job(), path, again)).progress.earlier == 3
    assert again.played == []
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-40])
    finished = await run_job(job(), path, again)
    assert again.played == ["sum-2"]
    assert path.read_bytes().startswith(whole[: whole.rindex(b"\n", 0, -1) + 1])
    assert (finished.progress.earlier, finished.progress.successes) == (2, 3)
    assert len(read_results(path).judged) == 3
    assert len(load_trajectories(path)) == 3


async def test_wherever_a_file_is_cut_the_job_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    await run_job(job(2), path, Players())
    whole = path.read_bytes()
    first, last = whole.index(b"\n") + 1, whole.rindex(b"\n", 0, -1) + 1
    braces = [place + 1 for place in range(last, len(whole)) if whole[place : place + 1] == b"}"]
    for cut in (0, 1, first // 2, first - 1, first, last, *braces):
        path.write_bytes(whole[:cut])
        finished = await run_job(job(2), path, Players())
        assert (finished.progress.done, finished.progress.successes) == (2, 2), whole[:cut][-50:]
        assert len(read_results(path).judged) == 2
        assert len(path.read_bytes().splitlines()) == 3
    path.write_bytes(whole[: first // 2])
    with pytest.raises(UsageError, match="cut off in its first line"):
        read_results(path)
    path.write_bytes(b"a file of something else")
    with pytest.raises(UsageError, match="or of something else"):
        await run_job(job(2), path, Players())
    assert path.read_bytes() == b"a file of something else"


async def test_another_job_is_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    await run_job(job(), path, Players())
    for other, field in (
        (job(model="other"), "model"),
        (job(seeds=(1,)), "seeds"),
        (job(2), "tasks"),
        (replace(job(), profile="paper"), "profile"),
        (replace(job(), options={"size": 3}), "options.size"),
    ):
        with pytest.raises(UsageError, match=f"its {field} is .* here it is"):
            await run_job(other, path, Players())
    header, *rest = path.read_text().splitlines(keepends=True)
    path.write_text(header.replace('"schema":1', '"schema":9') + "".join(rest))
    with pytest.raises(UsageError, match="its schema is 9, and this codeact reads 1"):
        await run_job(job(), path, Players())


async def test_what_is_no_results_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    await run_job(job(), path, Players())
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[1] + lines[2])
    with pytest.raises(UsageError, match=r"line 1: not of a results file .*begins with a 'trajectory'"):
        await run_job(job(), path, Players())
    path.write_text(lines[0] + '{"kind": "trajectory"}\n' + lines[1])
    with pytest.raises(UsageError, match="line 2: not of a results file"):
        read_results(path)
    with pytest.raises(UsageError, match="cannot read the results file"):
        read_results(tmp_path / "none.jsonl")
    with pytest.raises(SetupError, match="cannot write the results file"):
        await run_job(job(), tmp_path, Players())


async def test_two_runs_do_not_write_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    asked: list[str] = []

    def second(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        command = [sys.executable, "-c", _LOCKED.format(path=str(path))]
        asked.append(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
        return Players()(task, space, tools)

    await run_job(job(1), path, second)
    assert "another run is writing" in asked[0]


_LOCKED = """
from pathlib import Path
from codeact.errors import UsageError
from codeact.rollouts.job import Job
from codeact.rollouts.results import begun
from codeact.tasks import suite
try:
    with begun(Path({path!r}), Job(suite="s", profile="p", model="m", tasks=suite("m3tooleval").tasks()[:1])):
        print("both")
except UsageError as error:
    print(error)
"""


async def test_broken_machinery_is_tried_again_and_never_scored(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lost = ConnectionLostError("gone")
    players = Players(failing=[lost, lost, lost])
    finished = await run_job(job(), path, players)
    assert players.played == ["sum-0", "sum-0", "sum-1", "sum-1", "sum-2"]  # one try more each
    assert (finished.progress.broken, finished.progress.judged, finished.progress.successes) == (1, 2, 2)
    broken = read_results(path).broken
    assert [(rollout.key.task, rollout.error) for rollout in broken] == [("sum-0", "ConnectionLostError: gone")]
    assert len(load_trajectories(path)) == 2
    finished = await run_job(job(), path, Players())  # another time
    assert (finished.progress.broken, finished.progress.successes) == (0, 3)
    assert read_results(path).broken == []


class Dying(ScriptedModel):
    """Says one thing; then its endpoint is gone."""

    async def complete(self, messages: Sequence[Message], **options: Any) -> Completion:
        if any(message.role == "assistant" for message in messages):
            raise ConnectionLostError("gone")
        return await super().complete(messages, **options)


async def test_what_broken_tries_have_used_is_counted_by_budget_file_and_next_run(tmp_path: Path) -> None:
    path, deaths = tmp_path / "r.jsonl", 0

    def dying(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        return Dying(['{"tool": "none", "args": []}']) if deaths else Players()(task, space, tools)

    deaths = 1
    finished = await run_job(job(3), path, dying, spending=Spending(tokens=1))
    assert finished.stopped is not None  # after an episode that gave nothing
    assert finished.progress.broken == 1
    lost = read_results(path).lost
    assert (lost.tries, lost.usage, lost.seconds > 0) == (2, finished.progress.usage, True)
    assert lost.usage.output_tokens > 0
    deaths = 0
    finished = await run_job(job(3), path, dying)
    results = read_results(path)
    assert (results.broken, len(results.judged), results.lost) == ([], 3, lost)
    assert finished.progress.usage == sum((rollout.spent for rollout in results.judged), Usage())
    assert b'"lost"' not in path.read_bytes().splitlines()[-1]  # said where there is some


async def test_it_ends_when_nothing_would_work(tmp_path: Path) -> None:
    refused = Players(failing=[AuthenticationError("no key")])
    with pytest.raises(AuthenticationError):
        await run_job(job(), tmp_path / "a.jsonl", refused)
    assert refused.played == ["sum-0"]
    with pytest.raises(ModelError):
        await run_job(job(9), tmp_path / "b.jsonl", Players(failing=[ConnectionLostError("gone")] * 99))
    assert len(read_results(tmp_path / "b.jsonl").broken) == 5
    with pytest.raises(RuntimeError, match="a defect of ours"):
        await run_job(job(), tmp_path / "c.jsonl", Players(failing=[RuntimeError("a defect of ours")]))


async def test_spending_ends_a_run_and_the_next_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    finished = await run_job(job(5), path, Players(), spending=Spending(tokens=1))
    assert finished.stopped is not None
    assert "tokens used of the 1 allowed" in finished.stopped
    assert finished.progress.done == 1
    finished = await run_job(job(5), path, Players())
    assert (finished.progress.earlier, finished.progress.done, finished.stopped) == (1, 5, None)
    with pytest.raises(UsageError, match="money of a job must be positive, not 0"):
        Spending(money=0)


def priced(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
    """An answer at half a dollar."""
    number = int(task.id.removeprefix("sum-")) + 1
    return ScriptedModel(
        [Completion(text=json.dumps({"answer": number}), usage=Usage(input_tokens=9, output_tokens=1, cost=0.5))]
    )


@pytest.mark.parametrize(
    ("spending", "said", "done"),
    [
        (Spending(money=0.9), "1.00 USD spent of the 0.9 allowed", 2),
        (Spending(time=1e-9), "1e-09 seconds are over", 0),
    ],
)
async def test_money_and_time_end_a_run_too(tmp_path: Path, spending: Spending, said: str, done: int) -> None:
    path = tmp_path / "r.jsonl"
    finished = await run_job(job(5), path, priced, spending=spending)
    assert (finished.stopped, finished.progress.done) == (said, done)
    finished = await run_job(job(5), path, priced)
    assert (finished.progress.earlier, finished.progress.done, finished.stopped) == (done, 5, None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"actions": ("yaml",)}, "no action format 'yaml'"),
        ({"seeds": ()}, "without seeds"),
        ({"seeds": (1, 1)}, "1 is twice in the seeds"),
        ({"tasks": [*sums(1), *sums(1)]}, "'sum-0' is twice in the tasks"),
        ({"model": "oracle"}, "'sum-0' has no oracle for 'json' actions; there are: none"),
        ({"tasks": suite("tables").tasks(count=1)}, "tables has no tools, so it cannot be played in 'json' actions"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(job(), **wrong)


def test_an_interval_is_honest_for_few() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    assert wilson(0, 10).low == 0
    assert wilson(0, 10).high == pytest.approx(0.2775, abs=1e-4)
    assert wilson(41, 82).low == pytest.approx(0.3942, abs=1e-4)


_JOB = """
import anyio, os, sys, time
from codeact.rollouts import Job, oracle, run_job
from codeact.tasks import suite

tasks = suite("m3tooleval").tasks()[:6]

def slow(*args):
    time.sleep(0.1)
    print(args[0].id, flush=True)
    return oracle(*args)

job = Job(suite="m3tooleval", profile="fixed", model="oracle", tasks=tasks, actions=("json",), seeds=(0, 1, 2))
finished = anyio.run(lambda: run_job(job, sys.argv[1], slow, at_once=2))
print("finished", finished.progress.earlier, finished.progress.successes, flush=True)
"""


def test_killed_at_any_point_it_goes_on(tmp_path: Path) -> None:
    path, said, rounds = tmp_path / "r.jsonl", "", 0
    while not said.startswith("finished") and rounds < 20:
        rounds += 1
        command = [sys.executable, "-c", textwrap.dedent(_JOB), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for number, line in enumerate(process.stdout):
                said = line
                if number == 4 + rounds % 2:
                    os.kill(process.pid, signal.SIGKILL)
                    break
    assert rounds > 2
    assert said.split()[2] == "18"
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    keys = [(line["rollout"]["task"], line["rollout"]["seed"]) for line in lines]
    assert len(keys) == len(set(keys)) == 18


async def test_oracles_of_a_real_suite_through_real_boxes(tmp_path: Path) -> None:
    tasks = suite("m3tooleval").tasks()[::20]
    real = Job(suite="m3tooleval", profile="fixed", model="oracle", tasks=tasks)
    finished = await run_job(real, tmp_path / "r.jsonl", oracle, at_once=3)
    assert (finished.progress.successes, finished.progress.done) == (len(real), len(real))
