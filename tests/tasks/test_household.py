"""Households: generated ones won by searching, games of ALFWorld in their real engine, and processes that fail."""

from __future__ import annotations

import json
import os
import re
import signal
import tarfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from codeact.errors import MissingExtraError, SandboxError, UsageError
from codeact.rollouts import oracle, oracle_rows, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task, prompt_of, suite, verdict_of
from codeact.tasks.household import process
from codeact.tasks.household.goal import FAMILIES, WORDINGS, Goal, read_goal
from codeact.tasks.household.home import Home, Plan
from codeact.tasks.household.process import Game, open_game
from codeact.tasks.household.world import NOTHING, Robot
from codeact.tools import ToolSet
from codeact.types import Answer, CodeAction, ToolCall

pytestmark = pytest.mark.anyio

SUITE = suite("household")
ALFWORLD = Path(__file__).parents[2] / "../shared/data/alfworld"
ENGINE = find_spec("textworld") is not None and find_spec("fast_downward") is not None
with_games = pytest.mark.skipif(not ALFWORLD.is_dir(), reason=f"ALFWorld's games are not at {ALFWORLD}")
with_engine = pytest.mark.skipif(not ENGINE, reason="needs the extra household (textworld, fast-downward-textworld)")

HEAT = Plan(
    places={"countertop 1": ("apple 1", "mug 1"), "fridge 1": (), "microwave 1": ()},
    goal=Goal(family="heat", thing="apple", target="fridge", text="heat some apple and put it in fridge."),
)
EXAMINE = Plan(
    places={"desk 1": ("desklamp 1",), "drawer 1": ("book 1",)},
    goal=Goal(family="examine", thing="book", target="desklamp", text="examine the book with the desklamp."),
)


async def play(robot: Robot, *calls: tuple[str, ...]) -> list[str]:
    tools = ToolSet(robot.tools)
    return [str(await tools.call(ToolCall(name, names))) for name, *names in calls]


def code_of(task: Task) -> str:
    """All that the expert writes."""
    oracle = task.oracles["code"]
    acts = [oracle.act(["seen"] * number, ()) for number in range(10)]
    return "\n".join(act.code for act in acts if isinstance(act, CodeAction))


def published(**changes: object) -> str:
    """A game as its publisher writes it, as far as the list of tasks looks at it."""
    grammar = '{"task": [{"rhs": "Your task is to: put a mug in desk."}]}'
    return json.dumps({"pddl_domain": "d", "grammar": grammar, "pddl_problem": "p", "solvable": True} | changes)


def publish(folder: Path, text: str, name: str = "pick_and_place_simple-Mug-None-Desk-308/trial_1") -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "game.tw-pddl").write_text(text)
    return folder


async def test_the_experts_win_generated_houses_by_calls() -> None:
    for places in (12, 25, 40):
        tasks = SUITE.tasks(seed=places, count=12, places=places, turns=150)
        [row] = await oracle_rows(tasks, formats=["json"])
        assert [episode.task for episode in row.episodes if not episode.verdict.correct] == []


async def test_the_experts_win_in_code_within_the_papers_turns(warm_sandbox: LocalSandbox) -> None:
    for task in SUITE.tasks(seed=5, count=6):
        episode = await play_episode(task, oracle, sandbox=warm_sandbox)
        assert episode.verdict.correct, (task.id, episode.verdict.reason)
        assert 4 <= len(episode.result.trajectory.steps) <= 5
        assert all(step.reply and step.reply.thought for step in episode.result.trajectory.steps[:-1])


def test_the_experts_code_is_the_same_wherever_things_are() -> None:
    """It names kinds, never `cabinet 3`: whoever learns from it learns to search."""
    for task in SUITE.tasks(seed=1, count=60):
        assert re.findall(r"\w+ \d+", code_of(task)) == []


async def test_no_house_is_won_before_anything_is_done_or_by_words(warm_sandbox: LocalSandbox) -> None:
    for task in SUITE.tasks(seed=2, count=60):
        async with task.open("code") as world:
            assert not (await verdict_of(task, Answer("It is done."), world, warm_sandbox)).correct
            assert (await play(cast("Robot", world), ("look",)))[0] in prompt_of(task, world)
            assert not world.succeeded


def test_tasks_are_fixed_by_their_options_and_grow_with_the_dial() -> None:
    tasks = SUITE.tasks(seed=1, count=12)
    assert [code_of(task) for task in tasks] == [code_of(task) for task in SUITE.tasks(seed=1, count=12)]
    assert {task.domain for task in tasks} == set(FAMILIES)
    assert len({task.id for task in [*tasks, *SUITE.tasks(seed=2, count=12), *SUITE.tasks(seed=1, places=30)]}) == 54
    small, large = (SUITE.tasks(count=6, places=places) for places in (12, 30))
    assert all(cast("int", few.labels["places"]) <= 13 for few in small)
    assert sum(cast("int", many.labels["places"]) for many in large) > 6 * 24


async def test_a_house_answers_in_alfworlds_sentences() -> None:
    robot = Robot(Home(HEAT))
    assert robot.told.endswith("\n\nYour task is to: heat some apple and put it in fridge.")
    assert await play(
        robot,
        ("look",),
        ("goto", "Countertop  1"),
        ("take_from", "apple 1", "countertop 1"),
        ("look",),
        ("goto", "microwave 1"),
        ("heat", "apple 1", "microwave 1"),
        ("goto", "fridge 1"),
        ("put", "apple 1", "fridge 1"),
        ("open_receptacle", "fridge 1"),
        ("put", "apple 1", "fridge 1"),
    ) == [
        "You are in the middle of a room. Looking quickly around you, you see a countertop 1, a fridge 1, "
        "and a microwave 1.",
        "On the countertop 1, you see an apple 1, and a mug 1.",
        "You pick up the apple 1 from the countertop 1.",
        "You are facing the countertop 1. Next to it, you see nothing.",
        "The microwave 1 is closed.",
        "You heat the apple 1 using the microwave 1.",
        "The fridge 1 is closed.",
        NOTHING,
        "You open the fridge 1. The fridge 1 is open. In it, you see nothing.",
        "You put the apple 1 in/on the fridge 1.",
    ]
    assert robot.succeeded
    assert await play(robot, ("close_receptacle", "fridge 1")) == ["You close the fridge 1."]
    assert robot.succeeded  # a game that is won stays won


@pytest.mark.parametrize(
    "calls",
    [
        [("take_from", "apple 1", "countertop 1")],  # not there
        [("goto", "shelf 1")],
        [("goto", "countertop 1"), ("open_receptacle", "countertop 1")],
        [("goto", "countertop 1"), ("take_from", "egg 1", "countertop 1")],
        [("goto", "countertop 1"), ("take_from", "apple 1", "countertop 1"), ("take_from", "mug 1", "countertop 1")],
        [("goto", "countertop 1"), ("take_from", "apple 1", "countertop 1"), ("heat", "apple 1", "microwave 1")],
        [("goto", "microwave 1"), ("heat", "apple 1", "microwave 1")],  # not in hand
        [("goto", "fridge 1"), ("close_receptacle", "fridge 1")],
        [("use", "desklamp 1")],
    ],
)
async def test_what_is_not_possible_changes_nothing(calls: list[tuple[str, ...]]) -> None:
    robot = Robot(Home(HEAT))
    assert (await play(robot, *calls))[-1] == NOTHING


async def test_a_lamp_has_to_be_on_where_the_thing_is_held() -> None:
    robot = Robot(Home(EXAMINE))
    take = [("goto", "drawer 1"), ("open_receptacle", "drawer 1"), ("take_from", "book 1", "drawer 1")]
    assert (await play(robot, *take, ("use", "desklamp 1")))[-1] == NOTHING
    lit = await play(robot, ("goto", "desk 1"), ("use", "desklamp 1"), ("toggle", "desklamp 1"))
    assert lit[1:] == ["You turn on the desklamp 1.", "You turn off the desklamp 1."]
    assert robot.succeeded


async def test_no_state_goes_from_one_episode_to_another() -> None:
    [task] = SUITE.tasks(count=1, families="put", seed=3)
    async with task.open("code") as one, task.open("code") as other:
        place = cast("Home", cast("Robot", one).house).plan.places
        name, (thing, *_) = next((name, things) for name, things in place.items() if things)
        calls = [("goto", name), ("open_receptacle", name), ("take_from", thing, name)]
        assert "pick up" in (await play(cast("Robot", one), *calls))[-1]
        assert "pick up" in (await play(cast("Robot", other), *calls))[-1]


def test_goals_are_read_as_alfworld_words_them() -> None:
    for family, forms in WORDINGS.items():
        for form in forms:
            text = form.format(thing="mug", target="desk")
            assert read_goal(f'"rhs": "Your task is to: {text}"') == Goal(
                family=family, thing="mug", target="desk", text=text
            )
    assert read_goal("Your task is to: put a cool slice of bread in microwave.") is None
    assert read_goal("Your task is to: put butterknife in a cup and then put them in countertop.") is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"families": "cook"}, "no family 'cook'; there are: put, clean"),
        ({"families": []}, "needs a family"),
        ({"count": 0}, "count of 1 or more"),
        ({"places": 99}, "12 to 40 places"),
        ({"turns": 0}, "1 or more turns"),
    ],
)
def test_what_cannot_be_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SUITE.tasks(**options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (published()[:50], "game.tw-pddl is not JSON, or is cut short"),
        (published(grammar=3), "is no game of ALFWorld: it has no text 'grammar'"),
        ("[]", "it has no text 'pddl_domain'"),
        (published(solvable=False), r"1 were not won by their publisher's expert \(unsolved=true\)"),
        (published(grammar="Your task is to: slice it."), "1 need what none of the functions does"),
    ],
)
def test_games_that_are_none_are_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SUITE.tasks("alfworld", data=str(publish(tmp_path, text)))


def test_missing_data_says_where_it_is_offered(tmp_path: Path) -> None:
    for data in (None, str(tmp_path), str(tmp_path / "none")):
        with pytest.raises(UsageError, match=r"github\.com/alfworld"):
            SUITE.tasks("alfworld", data=data)
    with pytest.raises(UsageError, match="no games 'test'"):
        SUITE.tasks("alfworld", data=str(tmp_path), games="test")


def test_games_of_mints_evaluation_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    folder = publish(publish(tmp_path, published()), published(), "valid_unseen/a-b/trial_2")
    ids = [task.id for task in SUITE.tasks("alfworld", data=str(folder))]
    assert ids == ["pick_and_place_simple-Mug-None-Desk-308/trial_1"]
    assert [task.id for task in SUITE.tasks("alfworld", data=str(folder), games="evaluation")] == ["a-b/trial_2"]
    (folder / "eval_ids.txt").write_text(f"{ids[0]}\n")  # where there is a list, it decides
    assert [task.id for task in SUITE.tasks("alfworld", data=str(folder))] == ["a-b/trial_2"]
    assert len(SUITE.tasks("alfworld", data=str(folder), games="all")) == 2


def test_an_archive_is_read_and_a_truncated_one_refused(tmp_path: Path) -> None:
    publish(tmp_path / "games", published())
    archive = tmp_path / "games.tar.xz"
    with tarfile.open(archive, "w:xz") as packed:
        packed.add(tmp_path / "games", "games")
    [task] = SUITE.tasks("alfworld", data=str(tmp_path))
    assert task.labels["licence"] == "MIT"
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(UsageError, match=r"games\.tar\.xz is no archive of games, or is cut short"):
        SUITE.tasks("alfworld", data=str(archive))
    archive.write_text("no archive")
    with pytest.raises(UsageError, match="is no archive"):
        SUITE.tasks("alfworld", data=str(archive))


@pytest.mark.skipif(ENGINE, reason="the engine is installed")
async def test_without_the_engine_it_is_named(tmp_path: Path) -> None:
    [task] = SUITE.tasks("alfworld", data=str(publish(tmp_path, published())))
    with pytest.raises(MissingExtraError, match=r"codeact\[household\]"):
        async with task.open("code"):
            pass


ECHO = """\
import json, sys, time
print(json.dumps({"seen": "Welcome!\\n\\nYou are in a room.", "won": False}), flush=True)
for line in sys.stdin:
    [command] = json.loads(line)
    if command == "go to hang":
        time.sleep(600)
    if command == "go to die":
        sys.exit("out of memory")
    print(json.dumps({"seen": "You arrive at x. " + command, "won": command == "go to win"}), flush=True)
"""


@pytest.fixture
def own_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """A real process that speaks as `game.py` does, so that what comes of its death can be seen without the engine."""
    program = tmp_path / "game.py"
    program.write_text(ECHO)
    monkeypatch.setattr(process, "PROGRAM", program)
    monkeypatch.setattr(process, "find_spec", lambda name: name)
    return lambda: open_game(lambda: "{}", "code")


async def test_a_process_that_dies_says_nothing_of_the_agent(own_engine: Callable[[], Any]) -> None:
    async with own_engine() as robot:
        assert robot.told == "You are in a room."
        assert await play(robot, ("goto", "win")) == ["go to win"]
        with pytest.raises(SandboxError, match=r"the process of the game .* has ended: out of memory"):
            await play(robot, ("goto", "die"))
        pid = robot.house.process.pid
    assert not psutil.pid_exists(pid)


async def test_a_process_that_hangs_is_ended(own_engine: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async with own_engine() as robot:
        monkeypatch.setattr(process, "STEP", 0.2)
        with pytest.raises(SandboxError, match=r"has not answered for 0\.2 seconds"):
            await play(robot, ("goto", "hang"))
        with pytest.raises(SandboxError, match="ended"):
            await play(robot, ("goto", "desk 1"))


async def test_nothing_is_left_of_an_episode_that_fails(own_engine: Callable[[], Any]) -> None:
    seen: list[Game] = []

    async def fail() -> None:
        async with own_engine() as robot:
            seen.append(robot.house)
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        await fail()
    assert not psutil.pid_exists(seen[0].process.pid)
    assert not seen[0].said.parent.exists()


@with_games
def test_the_publishers_games_are_listed_with_their_reasons() -> None:
    tasks = SUITE.tasks("alfworld", data=str(ALFWORLD), games="evaluation")
    assert len(tasks) == 34
    assert {task.domain for task in tasks} == set(FAMILIES)
    with pytest.raises(UsageError, match=r"none of the 95 games .* 58 were not won .*, 34 belong .*, 3 need what"):
        SUITE.tasks("alfworld", data=str(ALFWORLD))
    assert len(SUITE.tasks("alfworld", data=str(ALFWORLD), unsolved=True)) == 58


@with_games
@with_engine
async def test_real_games_are_won_in_the_real_engine(warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks("alfworld", data=str(ALFWORLD), games="evaluation", families=["heat"], count=1)
    for task in tasks:
        episode = await play_episode(task, oracle, sandbox=warm_sandbox)
        assert episode.verdict.correct, (task.id, episode.verdict.reason)
    assert [child for child in psutil.Process().children() if "game.py" in " ".join(child.cmdline())] == []


@with_games
@with_engine
async def test_a_real_game_whose_process_is_killed_is_broken() -> None:
    [task] = SUITE.tasks("alfworld", data=str(ALFWORLD), games="evaluation", count=1)
    async with task.open("code") as world:
        robot = cast("Robot", world)
        os.kill(cast("Game", robot.house).process.pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="has ended"):
            await play(robot, ("goto", "desk 1"))
