"""Collecting: what is kept when, what a killed or a broken collection goes on with, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from codeact.bench.sections import sections_of
from codeact.errors import ConnectionLostError, SandboxError, UsageError
from codeact.instruct.collection import check_sampling, collect, repairs_job, repairs_of, with_expert
from codeact.instruct.costs import costs_of
from codeact.models.local import open_local
from codeact.models.store import Store
from codeact.rollouts import Job, Progress, Spending, oracle, read_results
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Environment, Task, Verdict, suite
from codeact.trajectory import load_trajectories
from codeact.types import Answer, Message

from .players import Player, Safe, code, safe_task, turn

pytestmark = pytest.mark.anyio


def job(*tasks: Task, seeds: Sequence[int] = (0,)) -> Job:
    return Job(suite="safes", profile="plain", model="player", tasks=tasks, actions=["code"], seeds=seeds)


def stubborn(messages: Sequence[Message], seed: int) -> str:
    """Errs, then says something else; a retry finds the way. The second sample is right at once."""
    match turn(messages):
        case 0:
            return code("word = 'seven'", "said = put(word)")
        case 1:
            return code("word.uper()")
        case _:
            return code("final_answer(word)") if seed else "something else"


async def test_repairs_are_a_results_file_that_everything_reads(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    path, seen = tmp_path / "new" / "r.jsonl", list[tuple[int, int]]()
    player, asked = Player(stubborn), job(safe_task([]), seeds=(0, 1))

    def report(progress: Progress) -> None:
        seen.append((progress.done, progress.usage.output_tokens))

    done = await collect(asked, path, player, repair=2, sandbox=bare_sandbox, report=report)
    assert (done.stopped, done.later, done.episodes.progress.successes) == (None, None, 1)
    episodes, repairs = read_results(path), read_results(repairs_of(path))
    assert repairs_of(path).name == "r.repaired.jsonl"
    assert [rollout.correct for rollout in episodes.judged] == [False, True]
    [repaired] = repairs.judged
    assert repaired.correct
    assert repairs.job["options"] == {"repair": 2}
    assert len(load_trajectories(repairs_of(path))) == 1
    assert [section.options for section in sections_of([episodes, repairs])] == [{}, {"repair": 2}]
    # The budget and the progress know what repairs have used.
    assert seen[-1][1] == costs_of(episodes, repairs).all.output_tokens
    before = path.read_bytes(), repairs_of(path).read_bytes(), len(player.seeds)
    await collect(asked, path, player, repair=2, sandbox=bare_sandbox)
    assert (path.read_bytes(), repairs_of(path).read_bytes(), len(player.seeds)) == before
    with pytest.raises(UsageError, match=r"its options\.repair is 2, and here it is 3"):
        await collect(asked, path, player, repair=3, sandbox=bare_sandbox)
    with pytest.raises(UsageError, match=r"its settings\.repair_temperature is not given, and here it is 1\.0"):
        await collect(asked, path, player, repair=2, repair_temperature=1.0, sandbox=bare_sandbox)


async def test_what_was_collected_without_repair_can_be_repaired_later(
    tmp_path: Path, bare_sandbox: LocalSandbox
) -> None:
    path, player = tmp_path / "r.jsonl", Player(stubborn)
    await collect(job(safe_task([])), path, player, sandbox=bare_sandbox)
    assert not repairs_of(path).exists()
    other = Player(stubborn, name="warmer")
    done = await collect(job(safe_task([])), path, player, repair=1, repair_model=other, sandbox=bare_sandbox)
    assert done.later is not None
    assert (done.later.progress.successes, player.seeds, other.seeds) == (1, [0, 0, 0], [1000])
    [repaired] = read_results(repairs_of(path)).judged
    assert (repaired.repair or {})["state"] == "replayed"


_STUCK = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import anyio

from codeact.instruct.collection import collect
from codeact.rollouts import Job
from codeact.sandbox.local import LocalSandbox

spec = spec_from_file_location("players", sys.argv[1])
players = sys.modules["players"] = module_from_spec(spec)
spec.loader.exec_module(players)

class Stuck(players.Player):
    async def complete(self, messages, *, seed=None, **options):
        if seed:
            Path(sys.argv[3]).touch()
            await anyio.sleep_forever()
        return await super().complete(messages, seed=seed, **options)

def say(messages, seed):
    first = players.code("word = 'seven'", "said = put(word)"), players.code("word.uper()"), "something else"
    return first[players.turn(messages)]

async def main():
    job = Job(suite="safes", profile="plain", model="player", tasks=[players.safe_task([])], actions=["code"])
    async with LocalSandbox(preload=(), checkpoints="none", spares=0) as sandbox:
        await collect(job, sys.argv[2], Stuck(say), repair=2, sandbox=sandbox)

anyio.run(main)
"""


def kill_when(there: Path, command: Sequence[str]) -> None:
    """Run a program, and kill it as soon as this file is there."""
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not there.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)


async def test_killed_in_a_repair_it_keeps_the_episode_and_repairs_it_by_replay(
    tmp_path: Path, bare_sandbox: LocalSandbox
) -> None:
    path, stuck = tmp_path / "r.jsonl", tmp_path / "stuck"
    files = [str(Path(__file__).with_name("players.py")), str(path), str(stuck)]
    kill_when(stuck, [sys.executable, "-c", _STUCK, *files])
    [kept] = read_results(path).judged
    assert read_results(repairs_of(path)).rollouts == {}
    player = Player(stubborn)
    done = await collect(job(safe_task([])), path, player, repair=2, sandbox=bare_sandbox)
    assert player.seeds == [1000]  # the episode was not played again
    assert done.later is not None
    [repaired] = read_results(repairs_of(path)).judged
    assert repaired.correct
    assert repaired.repair is not None
    assert kept.trajectory is not None
    assert (repaired.repair["from"], repaired.repair["state"]) == (kept.trajectory.id, "replayed")


async def test_a_world_that_dies_is_tried_once_more_and_never_scored(
    tmp_path: Path, bare_sandbox: LocalSandbox
) -> None:
    deaths = 2

    def dying(answer: Answer | None, environment: Environment) -> Verdict:
        nonlocal deaths
        deaths -= 1
        if deaths >= 0:
            raise SandboxError("the game has ended in the middle")
        return Verdict(answer is not None and answer.text == "seven")

    path, player, worlds = tmp_path / "r.jsonl", Player(stubborn), list[Safe]()
    asked = job(replace(safe_task(worlds), judge=dying), seeds=(1,))
    done = await collect(asked, path, player, repair=1, sandbox=bare_sandbox)
    assert (done.episodes.progress.broken, len(worlds), len(player.seeds)) == (1, 2, 6)
    [broken] = read_results(path).broken
    assert broken.error == "SandboxError: the game has ended in the middle"
    assert read_results(repairs_of(path)).rollouts == {}
    await collect(asked, path, player, repair=1, sandbox=bare_sandbox)
    assert [rollout.correct for rollout in read_results(path).judged] == [True]


async def test_a_repair_whose_machinery_fails_is_left_to_the_end(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    failures = [ConnectionLostError("gone")]

    def flaky(messages: Sequence[Message], seed: int) -> str:
        if seed and failures:
            raise failures.pop()
        return stubborn(messages, seed)

    path, player = tmp_path / "r.jsonl", Player(flaky)
    done = await collect(job(safe_task([])), path, player, repair=1, sandbox=bare_sandbox)
    assert done.later is not None
    [repaired] = read_results(repairs_of(path)).judged
    assert (repaired.correct, (repaired.repair or {})["state"]) == (True, "replayed")
    assert player.seeds == [0, 0, 0, 1000, 1000]
    failures += [ConnectionLostError("gone")] * 9
    done = await collect(job(safe_task([])), tmp_path / "s.jsonl", player, repair=1, sandbox=bare_sandbox)
    assert done.episodes.progress.usage.output_tokens > 0
    [broken] = read_results(repairs_of(tmp_path / "s.jsonl")).broken
    assert broken.lost.tries == 3  # beside the open episode, and twice at the end
    assert broken.error == "ConnectionLostError: gone"
    assert len(read_results(tmp_path / "s.jsonl").judged) == 1


async def test_a_budget_stops_repairs_too(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    path, player = tmp_path / "r.jsonl", Player(stubborn)
    await collect(job(safe_task([])), path, player, sandbox=bare_sandbox)
    asked = job(safe_task([]), safe_task([], id="other"))
    spending = Spending(tokens=1)
    done = await collect(asked, tmp_path / "s.jsonl", player, repair=1, sandbox=bare_sandbox, spending=spending)
    assert "tokens used of the 1 allowed" in (done.stopped or "")
    assert len(read_results(tmp_path / "s.jsonl").judged) == 1
    later = await collect(job(safe_task([])), path, player, repair=1, sandbox=bare_sandbox, spending=spending)
    assert later.stopped is None  # nothing was spent before the only repair began


async def test_experts_are_collected_from_like_models(tmp_path: Path, bare_sandbox: LocalSandbox) -> None:
    tasks = suite("m3gen").tasks(count=2, calls=1)
    asked = replace(job(*with_expert(tasks, ["code"])), model="expert")
    done = await collect(asked, tmp_path / "r.jsonl", oracle, sandbox=bare_sandbox)
    assert done.episodes.progress.successes == 2


def test_what_cannot_be_collected_is_refused() -> None:
    plain = [replace(task, oracles={}) for task in suite("m3gen").tasks(count=1)]
    with pytest.raises(UsageError, match="no task of these has an expert for code actions; they have none at all"):
        with_expert(plain, ["code"])
    only = [replace(task, oracles={"json": task.oracles["json"]}) for task in suite("m3gen").tasks(count=1)]
    with pytest.raises(UsageError, match="expert for code, json actions; there are experts for: json"):
        with_expert([*plain, *only], ["code", "json"])
    assert with_expert([*plain, *only], ["json"]) == only
    with pytest.raises(UsageError, match=r"samples=4 with temperature=0 .* say 0\.7, or one sample"):
        check_sampling(samples=4, repair=0, temperature=0)
    with pytest.raises(UsageError, match="repair=1 with temperature=0"):
        check_sampling(samples=1, repair=1, temperature=0.0)
    check_sampling(samples=1, repair=0, temperature=0)
    check_sampling(samples=4, repair=2, temperature=None)
    assert repairs_job(job(safe_task([])), 2).header()["options"] == {"repair": 2}


@pytest.mark.model
async def test_a_real_model_is_sampled_and_repaired(
    tmp_path: Path, bare_sandbox: LocalSandbox, smollm2: str, weights_store: Store
) -> None:
    """It solves nothing; what counts is that its failures are taken up again, and what that has cost."""

    short = suite("m3gen").tasks(count=1, calls=1, domains="decoder")[0]
    task = replace(short, rules=replace(short.rules, turns=2, reply_tokens=12))
    asked = Job(suite="m3gen", profile="plain", model=smollm2, tasks=[task], actions=["code"], seeds=(0, 1))
    path = tmp_path / "r.jsonl"
    async with open_local(smollm2, store=weights_store, context=2048, temperature=0.7) as model:
        await collect(asked, path, model, repair=1, sandbox=bare_sandbox)
    costs = costs_of(read_results(path), read_results(repairs_of(path)))
    assert costs.episodes.episodes == 2
    assert costs.all.output_tokens > 0
    if costs.comparison is not None:  # an episode that answered at once has nothing to go back to
        assert costs.comparison.repairs.input_tokens < 2 * costs.comparison.anew.input_tokens
