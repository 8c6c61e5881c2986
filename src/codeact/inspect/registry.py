"""Our suites as tasks of Inspect's: `inspect eval codeact/m3tooleval -T actions=json --model …`.

Inspect imports this module by the entry point `inspect_ai`; importing it registers a task for each suite, those of
other packages included. An episode is played by our loop with our formats, tools and sandbox, and judged by our judge;
the model is Inspect's. A seed is an epoch: `--epochs 3` plays the seeds 0, 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import transcript
from inspect_ai.model import get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, accuracy, metric, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from codeact.events import ActionStarted, Event, Observed, ToolReturned
from codeact.inspect.messages import chat_messages, model_output
from codeact.inspect.model import InspectModel
from codeact.inspect.samples import score_of
from codeact.rollouts import Episode, play_episode
from codeact.tasks import Expected, suite, suite_names
from codeact.tasks import Task as OurTask
from codeact.trajectory.history import messages_of
from codeact.types import JSON, CodeAction

_EPISODE = "codeact_score"  # in a sample's store


def evaluation(name: str) -> Callable[..., Task]:
    """What makes the task of a suite."""

    def make(actions: str = "code", profile: str | None = None, sandbox: str = "local", **options: JSON) -> Task:
        return Task(
            dataset=MemoryDataset([_sample(one) for one in suite(name).tasks(profile, **options)], name=name),
            solver=agent(name, actions, profile, sandbox, options),
            scorer=verdict(),
        )

    make.__name__ = name  # the suite itself is loaded when it is asked for: one that is broken must not hide the others
    return make


def _sample(one: OurTask) -> Sample:
    target = str(one.judge.value) if isinstance(one.judge, Expected) else ""  # for people: our judge decides
    return Sample(id=one.id, input=one.prompt, target=target, metadata={"domain": one.domain, **one.labels})


@solver(name="agent")
def agent(name: str, actions: str, profile: str | None, sandbox: str, options: dict[str, JSON]) -> Solver:
    """Plays a sample as an episode."""
    tasks = {one.id: one for one in suite(name).tasks(profile, **options)}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        episode = await play_episode(
            tasks[str(state.sample_id)],
            InspectModel(get_model()),
            actions=actions,
            sandbox=sandbox,
            seed=state.epoch - 1,
            emit=_tell,
        )
        _keep(episode, state)
        return state

    return solve


def _keep(episode: Episode, state: TaskState) -> None:
    trajectory = episode.result.trajectory
    score = score_of(episode.verdict, episode.result.outcome, turns=len(trajectory.steps))
    state.messages = chat_messages(messages_of(trajectory))
    if trajectory.steps:
        state.output = model_output(trajectory.steps[-1].completion)
    state.store.set(_EPISODE, score.model_dump())
    state.completed = True


def _tell(event: Event) -> None:
    """What Inspect does not see by itself: it has the model's calls, and not what came of them."""
    match event:
        case ActionStarted(CodeAction(code)):
            transcript().info(f"```python\n{code}\n```", source="code")
        case ToolReturned(record):
            came = {"error": record.error} if record.error else {"result": record.text}
            transcript().info(
                {"tool": record.name, "args": record.args, "kwargs": record.kwargs, **came}, source="tool"
            )
        case Observed(observation):
            transcript().info(observation.text, source="observation")
        case _:
            pass


@metric
def mean_turns() -> Metric:
    """Over all samples, as the CodeAct paper has it."""

    def turns(scores: Sequence[SampleScore]) -> float:
        counted = [float((each.score.metadata or {}).get("turns", 0)) for each in scores]
        return sum(counted) / len(counted) if counted else 0.0

    return turns


@scorer(metrics=[accuracy(), stderr(), mean_turns()], name="verdict")
def verdict() -> Scorer:
    """The suite's own judge, which has spoken when the episode ended."""

    async def score(state: TaskState, target: Target) -> Score:
        kept: dict[str, Any] | None = state.store.get(_EPISODE)
        return Score.model_validate(kept) if kept else Score.unscored(explanation="the episode did not come to its end")

    return score


for _name in suite_names():
    task(name=_name)(evaluation(_name))
