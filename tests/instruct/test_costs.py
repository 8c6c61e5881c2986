"""What collecting has cost, computed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from codeact.instruct.costs import Cost, costs_of, worth_keeping
from codeact.rollouts import Key, Loss, Results, Rollout
from codeact.tasks import Verdict
from codeact.types import (
    CodeAction,
    Completion,
    ExecError,
    ExecResult,
    Observation,
    Outcome,
    Reply,
    Step,
    Trajectory,
    Usage,
)

NOW = datetime.now(UTC)
ERROR = ExecError(kind="exception", name="E", message="")
JOB = {"suite": "s", "profile": "p", "model": "m", "actions": ["code"], "tasks": ["a", "b"], "seeds": [0, 1, 2]}


def episode(task: str, seed: int, *, correct: bool, tokens: int, seconds: float, turns: str = "ok.") -> Rollout:
    """`turns`: a letter for each turn, x one that erred, . the answer."""
    steps = tuple(
        Step(
            number=number,
            completion=Completion(text="said"),
            reply=Reply(action=CodeAction("")),
            result=None if turn == "." else ExecResult(error=ERROR if turn == "x" else None),
            observation=None if turn == "." else Observation(text=""),
            started=NOW,
        )
        for number, turn in enumerate(turns, 1)
    )
    usage = Usage(input_tokens=10 * tokens, cached_tokens=5 * tokens, output_tokens=tokens, cost=tokens / 100)
    outcome = Outcome(status="answered", usage=usage, duration=seconds)
    run = Trajectory(id=f"{task}{seed}", task=task, prompt=(), steps=steps, outcome=outcome, created=NOW)
    verdict = Verdict(correct)
    return Rollout(key=Key(task, "code", seed), status="judged", labels={}, verdict=verdict, trajectory=run)


def repaired(task: str, seed: int, *, correct: bool, tokens: int, seconds: float, state: str = "forked") -> Rollout:
    whole = episode(task, seed, correct=correct, tokens=999, seconds=999, turns="oxo.")
    spent = {"input_tokens": tokens, "cached_tokens": 0, "output_tokens": tokens, "cost": None, "seconds": seconds}
    labels = {"repaired": {"from": "x", "step": 1, "tries": 1, "state": state, "spent": spent}}
    return Rollout(key=whole.key, status="judged", labels=labels, verdict=whole.verdict, trajectory=whole.trajectory)


def results(rollouts: Sequence[Rollout]) -> Results:
    return Results(job=JOB, rollouts={rollout.key: rollout for rollout in rollouts})


def test_each_amount_for_an_episode_a_success_and_a_kept_one() -> None:
    found = costs_of(
        results(
            [
                episode("a", 0, correct=True, tokens=10, seconds=1, turns="oo."),
                episode("a", 1, correct=True, tokens=30, seconds=3, turns="o."),
            ]
        )
    )
    assert (found.env, found.profile, found.model, found.repairs, found.comparison) == ("s", "p", "m", None, None)
    assert (found.all.episodes, found.all.successes, found.all.kept, found.all.tokens) == (2, 2, 1, 440)
    assert found.all.shared(by=found.all.kept) == {
        "input_tokens": 400.0,
        "cached_tokens": 200.0,
        "output_tokens": 40.0,
        "seconds": 4.0,
        "cost": 0.4,
    }
    assert Cost().shared(by=0) == {}


def test_repairs_beside_whole_new_episodes_of_the_same_tasks() -> None:
    base = [
        episode("a", 0, correct=False, tokens=100, seconds=10),  # repaired below; does not speak for itself
        episode("a", 1, correct=True, tokens=50, seconds=5, turns="oo."),
        episode("a", 2, correct=False, tokens=30, seconds=3),
        episode("b", 0, correct=False, tokens=70, seconds=7),  # no other sample: cannot be compared
    ]
    fixes = [
        repaired("a", 0, correct=True, tokens=8, seconds=1),
        repaired("b", 0, correct=True, tokens=9, seconds=1, state="replayed"),
    ]
    found = costs_of(results(base), results(fixes))
    assert found.states == {"forked": 1, "replayed": 1}
    assert found.repairs is not None
    assert (found.repairs.tokens, found.repairs.kept, found.repairs.seconds) == (34, 2, 2)
    assert found.repairs.cost is None
    assert (found.all.output_tokens, found.all.cost) == (267, 2.5)
    assert found.comparison is not None
    assert (found.comparison.repairs.tokens, found.comparison.repairs.successes) == (16, 1)
    assert found.comparison.anew == Cost(
        episodes=1.0,
        successes=0.5,
        kept=0.5,
        input_tokens=400.0,
        cached_tokens=200.0,
        output_tokens=40.0,
        seconds=4.0,
        cost=0.4,
    )


def test_tries_that_broke_are_no_episodes_and_are_paid_for() -> None:
    used = Usage(input_tokens=5, output_tokens=7, cost=0.5)
    base = replace(episode("a", 0, correct=True, tokens=10, seconds=1), lost=Loss(tries=1, usage=used, seconds=2.0))
    broken = Rollout(key=Key("b", "code", 0), status="broken", labels={}, lost=Loss(tries=2, usage=used, seconds=3.0))
    found = costs_of(results([base]), results([broken]))
    assert found.lost is not None
    assert (found.lost.episodes, found.lost.tokens, found.lost.seconds, found.lost.cost) == (0, 24, 5, 1)
    assert (found.all.episodes, found.all.output_tokens, found.all.seconds) == (1, 24, 6)


def test_what_is_worth_keeping() -> None:
    kept = [worth_keeping(episode("a", 0, correct=True, tokens=1, seconds=1, turns=t)) for t in ("o.", "xx.", "xo.")]
    assert kept == [False, False, True]
    assert not worth_keeping(episode("a", 0, correct=False, tokens=1, seconds=1, turns="xo."))
