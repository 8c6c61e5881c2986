"""Who plays, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.rollouts import Job, open_player, oracle, read_results, run_job, subset
from codeact.tasks import suite

pytestmark = pytest.mark.anyio


async def test_a_script_begins_anew_in_each_episode(tmp_path: Path) -> None:
    script, results = tmp_path / "script.txt", tmp_path / "r.jsonl"
    script.write_text("Let me think.\n---\nAnswer: 7")
    tasks = subset(suite("m3gen").tasks(calls=1, count=8), 2)
    for options in ({"calls": (1, 2)}, {"calls": [1, 2]}):  # a tuple is a list once it has been written
        job = Job(
            suite="m3gen", profile="plain", model="s", tasks=tasks, actions=["text"], seeds=[0, 1], options=options
        )
        async with open_player(f"scripted:{script}") as player:
            await run_job(job, results, player)
    trajectories = [rollout.trajectory for rollout in read_results(results).judged if rollout.trajectory]
    assert [trajectory.steps[0].completion.text for trajectory in trajectories] == ["Let me think."] * 4


async def test_the_oracle_is_a_player_and_a_recording_is_none() -> None:
    async with open_player("oracle") as player:
        assert player is oracle
    for name, options, said in (
        ("oracle", {"temperature": 1.0}, "'oracle' takes no options, but was given temperature"),
        ("replay:run.jsonl", {}, "repeats one recorded run"),
        ("nobody:x", {}, "there is no provider 'nobody'"),
    ):
        with pytest.raises(UsageError, match=said):
            async with open_player(name, **options):
                pass
