"""A worker by itself, as Ray makes one: without a cluster. The rest is in tests/cli/test_bench_ray.py."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from codeact.errors import AuthenticationError, MissingExtraError, RateLimitError, SetupError, UsageError
from codeact.rollouts import Key, Loss, Rollout, TaskSource
from codeact.rollouts.ray_worker import EpisodeWorker, Failure, Recipe
from codeact.trajectory.encoding import from_line
from codeact.types import Usage

QUICK = {"preload": (), "checkpoints": "none"}
SOURCE = TaskSource(suite="m3gen", options={"calls": 1, "count": 8})
MADE = {"source": SOURCE, "made_by": SOURCE.options, "player": "oracle", "sandbox_options": QUICK}


@contextmanager
def worker(**options: object) -> Iterator[EpisodeWorker]:
    before = signal.getsignal(signal.SIGINT)
    made = EpisodeWorker(pickle.loads(pickle.dumps(Recipe(**{**MADE, **options}))))
    try:
        yield made
    finally:
        made.close()
        signal.signal(signal.SIGINT, before)


def test_it_plays_by_names_and_gives_back_a_line() -> None:
    task = SOURCE.tasks()[0].id
    with worker() as player:
        for actions, turns in (("code", 1), ("json", 2)):
            line = player.play(task, actions, 7, Loss(tries=1, seconds=2.0))
            assert isinstance(line, bytes)
            rollout = Rollout.from_record(from_line(line))
            assert (rollout.key, rollout.lost) == (Key(task, actions, 7), Loss(tries=1, seconds=2.0))
            assert rollout.verdict is not None
            assert rollout.verdict.correct
            assert rollout.labels["domain"] == "decoder"
            assert rollout.trajectory is not None
            assert len(rollout.trajectory.steps) == turns


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"player": "local:none"}, SetupError, "none"),
        ({"player": "nobody:x"}, UsageError, "there is no provider 'nobody'"),
        ({"source": TaskSource(suite="m3tooleval")}, SetupError, "install the same codeact on all machines"),
        ({"made_by": {"calls": 1, "count": 9}}, SetupError, "by count=8 and the job by 9; put the same files on all"),
    ],
)
def test_what_is_wrong_comes_back_as_what_it_is(options: dict[str, object], kind: type[Exception], said: str) -> None:
    with worker(**options) as player:
        failure = player.play(SOURCE.tasks()[0].id, "json", 0, Loss())
        assert isinstance(failure, Failure)
        with pytest.raises(kind, match=said):
            raise failure.error()


def test_a_failure_keeps_its_branch_of_the_tree() -> None:
    """Who has to act depends on it: a wrong key ends a job, a rate limit is tried again."""
    used = Usage(output_tokens=3)
    assert isinstance(Failure.of(AuthenticationError("no"), used).error(), AuthenticationError)
    assert Failure.of(RateLimitError("slow"), used) == Failure("ModelError", "slow", used)
    assert "codeact[local]" in Failure.of(MissingExtraError("local", "x"), used).words
