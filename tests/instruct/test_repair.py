"""Repairs: what a try goes on from, in the box and in the host, and what is kept of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from codeact.agent import Agent
from codeact.errors import UsageError
from codeact.instruct.collection import collect, repairs_of
from codeact.instruct.repair import Repair, points_of
from codeact.rollouts import Bill, Job, Key, Rollout, read_results
from codeact.rollouts.pool import play_here
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Environment, Task
from codeact.trajectory.history import messages_of
from codeact.types import Message, Trajectory

from .players import Player, Safe, Say, code, forgetful, safe_task, turn

pytestmark = pytest.mark.anyio


def job(*tasks: Task, actions: Sequence[str] = ("code",), seeds: Sequence[int] = (0,)) -> Job:
    return Job(suite="safes", profile="plain", model="player", tasks=tasks, actions=actions, seeds=seeds)


async def collected(
    task: Task, say: Say | Player, path: Path, sandbox: LocalSandbox, *, repair: int = 2, actions: str = "code"
) -> tuple[Rollout, Rollout]:
    """The only episode of a job, and its repair."""
    player = say if isinstance(say, Player) else Player(say)
    await collect(job(task, actions=[actions]), path, player, repair=repair, sandbox=sandbox)
    [episode], [repaired] = read_results(path).judged, read_results(repairs_of(path)).judged
    return episode, repaired


def whole(rollout: Rollout) -> Trajectory:
    assert rollout.trajectory is not None
    return rollout.trajectory


async def test_a_fork_has_the_variables_of_its_prefix_and_a_world_that_came_as_far(
    tmp_path: Path, bare_sandbox: LocalSandbox
) -> None:
    """The word is random and was never shown: only the interpreter that made it can know it."""
    worlds: list[Safe] = []
    player = Player(forgetful)
    episode, repaired = await collected(safe_task(worlds), player, tmp_path / "r.jsonl", bare_sandbox)
    assert (episode.correct, repaired.correct) == (False, True)
    assert repaired.key == episode.key
    first, second = worlds
    assert first.held == second.held
    assert (first.closed, second.closed) == (True, True)
    about = repaired.repair
    assert about is not None
    assert (about["from"], about["step"], about["tries"], about["state"]) == (whole(episode).id, 2, 1, "forked")
    assert repaired.labels["domain"] == "safes"
    # Whole, under an id of its own, with the error and its repair; only the new turn was asked for.
    assert whole(repaired).steps[:2] == whole(episode).steps[:2]
    assert len(whole(repaired).steps) == 3
    assert whole(repaired).id != whole(episode).id
    assert whole(repaired).agent["seed"] == 1000
    assert player.seeds == [0, 0, 0, 1000]
    assert "NameError" in messages_of(whole(repaired))[-3].text
    # What it took is that turn's alone; the trajectory has used what all its turns have.
    last = whole(repaired).steps[-1].completion.usage
    assert (repaired.spent.output_tokens, about["spent"]["seconds"] >= 0) == (last.output_tokens, True)
    outcome = whole(repaired).outcome
    assert outcome is not None
    assert outcome.usage.output_tokens == sum(step.completion.usage.output_tokens for step in whole(repaired).steps)


async def test_what_cannot_be_forked_is_replayed(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    def threaded(messages: Sequence[Message], seed: int) -> str:
        lines = ["import threading", "stop = threading.Event()", "threading.Thread(target=stop.wait).start()"]
        match turn(messages):
            case 0:
                return code(*lines, "word = 'seven'", "said = put(word)")
            case 1:
                return code("stop.sett()")
            case _:
                return code("stop.set()", "final_answer(word)") if seed else "something else"

    worlds: list[Safe] = []
    episode, repaired = await collected(safe_task(worlds), threaded, tmp_path / "r.jsonl", bare_sandbox)
    assert repaired.correct
    assert repaired.repair is not None
    assert repaired.repair["state"] == "replayed"
    assert worlds[-1].held == ["seven"]
    assert whole(repaired).steps[:2] == whole(episode).steps[:2]


async def test_a_world_that_answers_otherwise_is_not_repaired(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    worlds: list[Safe] = []
    task = safe_task(worlds, moods=("ok", "no", "well"))
    episode, repaired = await collected(task, forgetful, tmp_path / "r.jsonl", bare_sandbox)
    about = repaired.repair
    assert about is not None
    assert (about["tries"], about["state"], repaired.correct) == (0, "none", False)
    assert "came out differently when it was run again" in about["why"]
    assert whole(repaired) == whole(episode)
    before = (tmp_path / "r.repaired.jsonl").read_bytes()
    again = await collect(job(task), tmp_path / "r.jsonl", Player(forgetful), repair=2, sandbox=bare_sandbox)
    assert again.later is None
    assert (tmp_path / "r.repaired.jsonl").read_bytes() == before


@pytest.mark.parametrize("actions", ["json", "text"])
async def test_formats_without_a_session_are_repaired_as_well(
    tmp_path: Path, bare_sandbox: LocalSandbox, actions: str
) -> None:
    def calling(messages: Sequence[Message], seed: int) -> str:
        calls = {
            "json": ('{"tool": "put", "args": {"thing": "x"}}', '{"tool": "take", "args": {}}', '{"answer": "%s"}'),
            "text": ("Action: put, x", "Action: take, x", "Answer: %s"),
        }[actions]
        return [*calls[:2], calls[2] % ("x" if seed else "y")][turn(messages)]

    worlds: list[Safe] = []
    _, repaired = await collected(safe_task(worlds), calling, tmp_path / "r.jsonl", bare_sandbox, actions=actions)
    assert repaired.correct, whole(repaired)
    assert [safe.held for safe in worlds] == [["x"], ["x"]]


async def test_tries_differ_and_the_last_one_is_kept(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    def wrong(messages: Sequence[Message], seed: int) -> str:
        return forgetful(messages, 0) if turn(messages) < 3 else "never"

    player = Player(wrong)
    path = tmp_path / "r.jsonl"
    episode, repaired = await collected(safe_task([]), player, path, bare_sandbox, repair=3)
    assert not repaired.correct
    assert player.seeds == [0, 0, 0, 1000, 2000, 3000]
    assert repaired.repair is not None
    assert (repaired.repair["tries"], repaired.repair["from"]) == (3, whole(episode).id)
    assert repaired.spent.output_tokens == 3 * whole(repaired).steps[-1].completion.usage.output_tokens


async def test_the_rules_hold_for_the_whole_of_a_repaired_episode(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    """An error in the last turn but one leaves one turn, and an answer that was sent back is one attempt less."""

    def slow(messages: Sequence[Message], seed: int) -> str:
        return forgetful(messages, 0) if turn(messages) < 2 else code("said")

    _, repaired = await collected(safe_task([], turns=3), slow, tmp_path / "r.jsonl", bare_sandbox)
    assert (len(whole(repaired).steps), repaired.correct) == (3, False)
    assert whole(repaired).outcome is not None
    assert getattr(whole(repaired).outcome, "status", "") == "turn_limit"
    twice = replace(safe_task([]), rules=replace(safe_task([]).rules, attempts=2))

    def guesses(messages: Sequence[Message], seed: int) -> str:
        return code("word = 'w'", "said = put(word)") if turn(messages) == 0 else "v"

    _, repaired = await collected(twice, guesses, tmp_path / "s.jsonl", bare_sandbox)
    assert len(whole(repaired).steps) == 3
    assert repaired.spent.output_tokens < whole(repaired).steps[0].completion.usage.output_tokens * 2


async def test_where_a_failed_run_is_taken_up(bare_sandbox: LocalSandbox) -> None:
    key, player = Key("safe", "code", 0), Player(forgetful)
    rollout = await play_here(key, safe_task([]), Bill(), model=player, sandbox=bare_sandbox)
    run = whole(rollout)
    assert points_of(run) == [2]
    assert points_of(replace(run, steps=run.steps[:1])) == []
    with pytest.raises(ValueError, match="nothing to repair"):
        await Repair(tries=1, model=Player(forgetful)).of(
            replace(rollout, trajectory=replace(run, steps=run.steps[:1])), safe_task([])
        )


async def test_a_run_that_has_ended_cannot_be_resumed(bare_sandbox: LocalSandbox) -> None:
    async with Agent(Player(lambda messages, seed: "done"), sandbox=bare_sandbox, checks=[]).open() as conversation:
        result = await conversation.send("Say done.")
        with pytest.raises(UsageError, match="step 1 has ended the run"):
            await conversation.resume(result.trajectory)


async def test_what_a_world_has_put_into_the_session_is_there_after_a_fork(
    tmp_path: Path, bare_sandbox: LocalSandbox
) -> None:
    @dataclass(slots=True)
    class Furniture(Safe):
        session_setup: str = "import os; word = os.urandom(8).hex()"

    worlds: list[Safe] = []

    @asynccontextmanager
    async def open_world(actions: str) -> AsyncGenerator[Environment]:
        worlds.append(safe := Furniture())
        yield safe

    def keeps(messages: Sequence[Message], seed: int) -> str:
        return code("said = put(word)") if turn(messages) == 0 else forgetful(messages, seed)

    task = replace(safe_task([]), open=open_world)
    episode, repaired = await collected(task, keeps, tmp_path / "r.jsonl", bare_sandbox)
    assert repaired.correct
    assert whole(repaired).environment["setup"] == whole(episode).environment["setup"] == Furniture().session_setup
