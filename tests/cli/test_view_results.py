"""`codeact view` of results files: the list, its filters, and one task side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from codeact.actions.base import ActionSpace
from codeact.cli.view_results import Filter, is_results, view_results
from codeact.errors import ConnectionLostError, UsageError
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Job, run_job
from codeact.tasks import Expected, Task, workbench
from codeact.types import Answer, ToolSpec

from .command import Codeact

pytestmark = pytest.mark.anyio

HOSTILE = "\x1b[2J\u202eevil\x07"


def sums(number: int) -> list[Task]:
    opened = workbench(lambda actions: [])
    return [
        Task(id=f"sum-{n}", domain="sums", prompt=f"{n} + 1?", open=opened, judge=Expected(n + 1))
        for n in range(number)
    ]


async def results_in(
    path: Path,
    number: int,
    *,
    model: str = "counter",
    actions: Sequence[str] = ("json", "text"),
    wrong: Sequence[str] = (),
    lost: Exception | None = None,
) -> Path:
    """Results of a job that was really played: text takes a reply more, because its first cannot be read."""

    def player(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        if lost:
            raise lost
        said = HOSTILE if f"{task.id} {space.name}" in wrong else str(int(task.id.removeprefix("sum-")) + 1)
        unread = ['Action: {"tool": "\x1b[31m'] if space.name == "text" else []
        return ScriptedModel([*unread, space.render(Answer(said))])

    job = Job(suite="sums", profile="plain", model=model, tasks=sums(number), actions=actions)
    await run_job(job, path, player)
    return path


def drawn(*paths: Path, wanted: Filter | None = None, step: int | None = None, width: int = 120) -> str:
    """What a terminal of that width shows, without its colours."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None, highlight=False)
    view_results(console, paths, wanted or Filter(), step)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
async def results(tmp_path: Path) -> Path:
    return await results_in(tmp_path / "r.jsonl", 5, wrong=["sum-1 json", "sum-1 text", "sum-3 text"])


async def test_the_command_lists_episodes(results: Path, codeact: Codeact) -> None:
    done = codeact("view", str(results))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split() == ["task", "seed", "json", "text"]
    assert "✗ wrong answer, 1 turn  ✗ wrong answer, 2 turns" in done.stdout
    assert done.stdout.endswith("5 tasks and seeds, 10 episodes, 3 of them failed\n")
    refused = codeact("view", str(results), "--task", "nothing")
    assert (refused.returncode, refused.stderr.startswith("error: no episode is as wanted")) == (2, True)
    picture = codeact("view", str(results), "--task", "sum-3", "--svg", "task.svg")
    assert picture.returncode == 0
    assert "wrong&#160;answer" in (codeact.folder / "task.svg").read_text()


async def test_what_is_filtered(results: Path) -> None:
    def tasks(wanted: Filter) -> list[str]:
        return [line.split()[0] for line in drawn(results, wanted=wanted).splitlines() if line.startswith("sum-")]

    assert tasks(Filter(wrong=True)) == ["sum-1", "sum-3"]
    assert tasks(Filter(task="sum-[0-2]")) == ["sum-0", "sum-1", "sum-2"]
    assert tasks(Filter(actions=["text"], seed=0)) == [f"sum-{number}" for number in range(5)]
    with pytest.raises(UsageError, match="no episodes with 'code' actions; there are: json, text"):
        tasks(Filter(actions=["code"]))
    with pytest.raises(UsageError, match="no episode is as wanted"):
        tasks(Filter(seed=7))
    with pytest.raises(UsageError, match="--step is for one task"):
        drawn(results, step=1)


async def test_one_task_side_by_side(results: Path) -> None:
    shown = drawn(results, wanted=Filter(task="sum-3"))
    assert shown.startswith("sum-3, seed 0\n3 + 1?\n")
    heads = next(line for line in shown.splitlines() if line.startswith("json ──"))
    assert "  text ──" in heads
    last = next(line for line in shown.splitlines() if line.startswith("✓ correct"))
    assert "✗ wrong answer: expected 4" in last, "both ends stand beside each other"
    assert "\x1b" not in shown
    assert "\u202e" not in shown


async def test_one_task_in_a_narrow_terminal(results: Path) -> None:
    shown = drawn(results, wanted=Filter(task="sum-3"), width=60)
    assert shown.index("json ──") < shown.index("✓ correct") < shown.index("text ──")
    assert max(map(len, shown.splitlines())) <= 60


async def test_one_step(results: Path) -> None:
    shown = drawn(results, wanted=Filter(task="sum-3"), step=2)
    assert "3 + 1?" not in shown
    assert "Action:" not in shown
    with pytest.raises(UsageError, match="no step 4; the longest of these episodes has 2"):
        drawn(results, wanted=Filter(task="sum-3"), step=4)


async def test_models_beside_each_other(tmp_path: Path) -> None:
    first = await results_in(tmp_path / "one.jsonl", 2, model="one")
    lost = ConnectionLostError(f"gone {HOSTILE}")
    second = await results_in(tmp_path / "two.jsonl", 2, model="two", actions=("json",), lost=lost)
    listed = drawn(first, second)
    assert listed.splitlines()[0].split() == ["one", "one", "two"]
    assert listed.splitlines()[1].split() == ["task", "seed", "json", "text", "json"]
    assert listed.count("broken") == 2
    beside = drawn(first, second, wanted=Filter(task="sum-1"))
    assert "broken: ConnectionLostError: gone" in beside
    assert "two · json" in beside


async def test_files_that_are_no_results(results: Path, codeact: Codeact) -> None:
    other = codeact.write("other.jsonl", '{"kind": "song"}\n')
    assert is_results(results)
    assert not is_results(other)
    assert not is_results(codeact.folder)
    done = codeact("view", str(other), "--wrong")
    assert (done.returncode, done.stderr) == (
        2,
        f"error: {str(other)!r} is no results file; of a run, give one record and no filter\n",
    )
    with pytest.raises(UsageError, match="is no results file"):
        drawn(results, other)
