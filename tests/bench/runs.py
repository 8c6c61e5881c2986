"""Results to report on: real jobs, played by models that write what the test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from codeact.actions.base import ActionSpace
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Job, Results, Spending, read_results, run_job
from codeact.rollouts.episode import Driver
from codeact.sandbox.base import Sandbox
from codeact.tasks import Expected, Rules, Task, workbench
from codeact.types import JSON, Answer, ToolCall, ToolCalls, ToolSpec


def rate(currency: str, year: int = 2026) -> float:
    """What one unit of a currency is worth in USD."""
    if year < 2000:
        raise ValueError("no rates that old")
    return {"EUR": 1.1, "JPY": 0.0067}[currency]


def money(number: int, *, calls: bool = False, rules: Rules | None = None) -> list[Task]:
    """Tasks whose right answer is their number. With `calls` they say how many calls they need: 1, 2, 4, 1, …"""
    return [
        Task(
            id=f"task-{n}",
            domain="even" if n % 2 == 0 else "odd",
            prompt=f"What is {n}?",
            open=workbench(lambda actions: [rate]),
            judge=Expected(n),
            labels={"calls": (1, 2, 4)[n % 3]} if calls else {},
            rules=rules or Rules(),
        )
        for n in range(number)
    ]


_NUMBERS = count()


@dataclass(slots=True)
class Player:
    """Answers rightly, after `turns` replies in each format; wrongly where a task, or a task and format, says so."""

    turns: Mapping[str, int] = field(default_factory=lambda: {"code": 1, "json": 2, "text": 3})
    wrong: Sequence[str | tuple[str, str]] = ()
    said: str = "no idea"  # the wrong answer

    def __call__(self, task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        call = ToolCalls((ToolCall("rate", (), {"currency": "EUR"}),))
        calls = [space.render(call)] * (self.turns[space.name] - 1) if space.name != "code" else []
        wrong = task.id in self.wrong or (task.id, space.name) in self.wrong
        answer = Answer(self.said if wrong else task.id.rpartition("-")[2])
        return ScriptedModel([*calls, space.render(answer)])


async def played(
    folder: Path,
    player: Driver | None = None,
    *,
    model: str = "counter",
    suite: str = "money",
    profile: str = "plain",
    tasks: Sequence[Task] | None = None,
    actions: Sequence[str] = ("json", "text"),
    seeds: Sequence[int] = (0,),
    options: Mapping[str, JSON] | None = None,
    sandbox: Sandbox | None = None,
    spending: Spending | None = None,
) -> Results:
    """A job, run into a file and read back. Without `code` in the actions it needs no box."""
    path = folder / f"{next(_NUMBERS)}.jsonl"
    job = Job(
        suite=suite,
        profile=profile,
        model=model,
        tasks=tasks or money(6),
        actions=actions,
        seeds=seeds,
        options=options or {},
    )
    await run_job(job, path, player or Player(), sandbox=sandbox, spending=spending)
    return read_results(path)
