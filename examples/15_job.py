"""A job: the oracles of six generated tasks in three formats, stopped by its budget and gone on with."""

from pathlib import Path

import anyio

from codeact.rollouts import Job, Progress, Spending, TaskSource, open_player, read_results, run_job, subset
from codeact.sandbox.local import LocalSandbox

source = TaskSource(suite="m3gen", options={"calls": [1, 4], "count": 16})
tasks = subset(source.tasks(), 6)  # evenly over the domains, always the same ones
job = Job(suite="m3gen", profile="plain", model="oracle", tasks=tasks, options=dict(source.options))


def tell(progress: Progress) -> None:
    if not progress.running:
        low, high = progress.interval.low, progress.interval.high
        print(f"{progress.done} of {progress.total} episodes, {progress.successes} solved ({low:.0%} to {high:.0%})")


async def main() -> None:
    path = Path("results.jsonl")
    async with open_player(job.model) as player, LocalSandbox() as sandbox:  # a model's name works as well
        first = await run_job(job, path, player, sandbox=sandbox, spending=Spending(tokens=5_000), report=tell)
        print("stopped:", first.stopped)
        await run_job(job, path, player, sandbox=sandbox, at_once=4)
    for actions in job.actions:
        turns = [
            len(rollout.trajectory.steps)
            for rollout in read_results(path).judged
            if rollout.trajectory and rollout.key.actions == actions
        ]
        print(f"{actions}: {sum(turns) / len(turns):.2f} turns on average")


if __name__ == "__main__":
    anyio.run(main)
