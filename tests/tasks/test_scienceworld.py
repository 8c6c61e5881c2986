"""ScienceWorld: the list without Java, the rules of its world, and a whole episode in the real simulator."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec

import psutil
import pytest

from codeact.errors import SandboxError, ToolError, UsageError
from codeact.rollouts import oracle, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import program_oracles, prompt_of, suite
from codeact.tasks.scienceworld.suite import EXPERIMENTS
from codeact.tasks.scienceworld.world import OVER, STEPS, Laboratory, open_laboratory, scored
from codeact.tools import ToolSet
from codeact.types import ToolCall

pytestmark = pytest.mark.anyio
with_simulator = pytest.mark.skipif(
    find_spec("scienceworld") is None or shutil.which("java") is None,
    reason="needs the package scienceworld and Java (scripts/install_java.sh)",
)

SUITE = suite("scienceworld")
DOVE = [  # the simulator's own way, for variation 0 of find-living-thing
    *["go to greenhouse", "go to outside", "focus on dove", "pick up dove", "go to kitchen"],
    "move egg dove egg in inventory to red box",
]


@dataclass
class Scale:
    """A game of one's own: `up` and `down` change the score, which is all that its steps do."""

    score: int = 8
    goal: str = "Bring the score to 100."
    seen: list[str] = field(default_factory=list[str])

    @property
    def over(self) -> bool:
        return not 0 <= self.score < 100

    def step(self, action: str) -> str:
        self.seen.append(action)
        self.score += {"up": 46, "down": -100}.get(action, 0)
        return f"You went {action}."

    def objects(self) -> list[str]:
        return ["scale"]

    def load(self, experiment: str, variation: int) -> None: ...

    def close(self) -> None: ...


def test_up_to_ten_test_variations_of_thirty_experiments_without_any_java() -> None:
    tasks = SUITE.tasks()
    assert len(EXPERIMENTS) == 30
    assert len(tasks) == sum(min(10, len(numbers)) for numbers in EXPERIMENTS.values()) == 271
    assert [task.id for task in tasks] == [task.id for task in SUITE.tasks(seed=1)]
    assert [task.id for task in tasks] != [task.id for task in SUITE.tasks(seed=2)]
    assert [task.id for task in SUITE.tasks(experiments="boil", variations=99)] == [f"boil/{n}" for n in range(21, 30)]


async def test_the_score_decides_and_is_told() -> None:
    world = Laboratory(Scale())
    tools = ToolSet(world.tools)
    assert await tools.call(ToolCall("step", ("up",))) == "You went up."
    assert scored(None, world).reason == "score 54 of 100"
    assert not scored(None, world).correct
    assert await tools.call(ToolCall("step", ("up",))) == f"You went up.\n{OVER}"
    assert scored(None, world).correct
    with pytest.raises(ToolError, match="is over"):
        await tools.call(ToolCall("step", ("down",)))
    assert await tools.call(ToolCall("objects")) == ["scale"]


async def test_a_lost_experiment_keeps_the_score_before_it_was_lost() -> None:
    world = Laboratory(Scale())
    tools = ToolSet(world.tools)
    await tools.call(ToolCall("step", ("up",)))
    assert OVER in await tools.call(ToolCall("step", ("down",)))
    assert (world.score, world.succeeded) == (54, False)


async def test_the_steps_are_limited() -> None:
    game = Scale()
    tools = ToolSet(Laboratory(game).tools)
    seen = [await tools.call(ToolCall("step", ("wait",))) for _ in range(STEPS)]
    assert [OVER in text for text in seen] == [False] * (STEPS - 1) + [True]
    with pytest.raises(ToolError, match="is over"):
        await tools.call(ToolCall("step", ("wait",)))
    assert len(game.seen) == STEPS


async def test_a_simulator_that_dies_says_nothing_of_the_agent() -> None:
    class Dying(Scale):
        def step(self, action: str) -> str:
            raise SandboxError("the simulator is gone")

    world = Laboratory(Dying())
    with pytest.raises(SandboxError, match="the simulator is gone"):
        await ToolSet(world.tools).call(ToolCall("step", ("up",)))


def test_the_goal_follows_the_prompt() -> None:
    [task] = SUITE.tasks(experiments="boil", variations=1)
    assert prompt_of(task, Laboratory(Scale())) == f"{task.prompt}\n\nBring the score to 100."


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(UsageError, match="no experiment 'bake'"):
        SUITE.tasks(experiments=["boil", "bake"])
    with pytest.raises(UsageError, match="1 or more"):
        SUITE.tasks(variations=0)
    with pytest.raises(UsageError, match="no option 'split'"):
        SUITE.tasks(split="dev")


@with_simulator
async def test_an_episode_in_the_real_simulator(warm_sandbox: LocalSandbox) -> None:
    """Variation 0 belongs to the training set, so this gives nothing away."""
    [task] = SUITE.tasks(experiments="find-living-thing", variations=1)
    calls = "\n".join(f"seen = step({action!r})" for action in DOVE)
    task = replace(
        task,
        open=partial(open_laboratory, "find-living-thing", 0),
        oracles=program_oracles(f"names = objects()\n{calls}\nresult = seen"),
    )
    episode = await play_episode(task, oracle, sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.verdict.reason) == (True, "score 100 of 100")
    assert "find a(n) living thing" in episode.result.trajectory.task
    assert (episode.result.answer or "").startswith("You move the dove to the red box.")
    assert [child for child in psutil.Process().children() if child.name() == "java"] == []


@pytest.mark.slow
@with_simulator
def test_the_listed_variations_are_the_simulators() -> None:
    from codeact.tasks.scienceworld import simulator  # noqa: PLC0415 -- needs the package

    game = simulator.start()
    try:
        for name, numbers in EXPERIMENTS.items():
            game.load(name, 0)
            assert game.test_variations() == list(numbers), name
    finally:
        game.close()
