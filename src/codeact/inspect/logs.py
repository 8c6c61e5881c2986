"""Results files as Inspect's `.eval` logs: one log for each format.

A log is to Inspect one task with one set of arguments, and its viewer lists logs beside each other with their scores.
So a format is an argument of the task, as it is when Inspect runs the suite itself (`inspect eval codeact/m3tooleval
-T actions=code`), and code, json and text stand in three rows. A seed is an epoch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalLog,
    EvalMetric,
    EvalPlan,
    EvalPlanStep,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    write_eval_log,
)

from codeact.errors import SetupError, UsageError
from codeact.inspect.messages import model_usage
from codeact.inspect.samples import SCORER, sample_of
from codeact.rollouts import Results, Rollout, outcomes_by_task, share_interval
from codeact.types import Usage

PACKAGE = "codeact"


def export_logs(results: Results, folder: str | Path) -> list[Path]:
    """Write a log for each format that has episodes; the names are those that Inspect itself would give.

    Raises:
        UsageError: there is nothing to export, or a log is there already.
        SetupError: the folder cannot be written.
    """
    logs = list(eval_logs(results))
    if not logs:
        raise UsageError("the results file has no episodes yet; nothing was exported")
    paths = [Path(folder) / _file_name(log) for log in logs]
    for path in paths:
        if path.exists():
            raise UsageError(f"{str(path)!r} exists; give another folder, or move it away")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path, log in zip(paths, logs, strict=True):
            write_eval_log(log, str(path), format="eval")
    except OSError as error:
        raise SetupError(f"cannot write logs to {str(folder)!r}: {error.strerror or error}") from error
    return paths


def eval_logs(results: Results) -> Iterator[EvalLog]:
    """The logs, in the order of the job's formats."""
    for actions in results.job["actions"]:
        rollouts = [rollout for rollout in results.rollouts.values() if rollout.key.actions == actions]
        if rollouts:
            yield _log(results, str(actions), rollouts)


def _log(results: Results, actions: str, rollouts: Sequence[Rollout]) -> EvalLog:
    job = results.job
    epochs = {seed: number for number, seed in enumerate(job["seeds"], start=1)}
    model = str(job["model"])
    samples = [sample_of(rollout, epoch=epochs[rollout.key.seed], model=model) for rollout in rollouts]
    planned = len(job["tasks"]) * len(job["seeds"])
    return EvalLog(
        status="success" if len(rollouts) == planned else "cancelled",
        eval=_spec(results, actions, _moments(rollouts)[0]),
        plan=EvalPlan(name="codeact", steps=[EvalPlanStep(solver="codeact/agent", params={"actions": actions})]),
        results=_results(rollouts, planned),
        stats=_stats(rollouts, model),
        samples=sorted(samples, key=lambda sample: (sample.epoch, _place(job["tasks"], sample))),
    )


def _place(tasks: Sequence[str], sample: EvalSample) -> int:
    return list(tasks).index(str(sample.id))


def _spec(results: Results, actions: str, created: str) -> EvalSpec:
    job = results.job
    arguments = {"actions": actions, "profile": job["profile"], **job["options"]}
    about = f"{job['suite']} {arguments} {job['model']}"
    return EvalSpec(
        eval_id=_id(f"{about} {created} {job['tasks']} {job['seeds']}"),
        run_id=_id(f"{created} {job['suite']} {job['model']}"),
        created=created,
        task=f"{PACKAGE}/{job['suite']}",
        task_id=_id(about),
        task_registry_name=f"{PACKAGE}/{job['suite']}",
        task_args=arguments,
        task_args_passed=arguments,
        dataset=EvalDataset(name=str(job["suite"]), samples=len(job["tasks"]), sample_ids=list(job["tasks"])),
        model=str(job["model"]),
        config=EvalConfig(epochs=len(job["seeds"])),
        packages={PACKAGE: version(PACKAGE)},
        metadata={"seeds": list(job["seeds"])},
    )


def _results(rollouts: Sequence[Rollout], planned: int) -> EvalResults:
    judged = [rollout for rollout in rollouts if rollout.trajectory is not None]
    successes = sum(rollout.correct for rollout in judged)
    interval = share_interval(outcomes_by_task(judged))
    values = {
        "accuracy": successes / len(judged) if judged else float("nan"),
        "wilson_low": interval.low,
        "wilson_high": interval.high,
        "mean_turns": mean(len(r.trajectory.steps) for r in judged if r.trajectory) if judged else float("nan"),
    }
    score = EvalScore(
        name=SCORER,
        scorer=SCORER,
        scored_samples=len(judged),
        unscored_samples=len(rollouts) - len(judged),
        metrics={name: EvalMetric(name=name, value=value) for name, value in values.items()},
    )
    return EvalResults(total_samples=planned, completed_samples=len(judged), scores=[score])


def _stats(rollouts: Sequence[Rollout], model: str) -> EvalStats:
    outcomes = [r.trajectory.outcome for r in rollouts if r.trajectory and r.trajectory.outcome]
    first, last = _moments(rollouts)
    used = sum((outcome.usage for outcome in outcomes), start=Usage())
    return EvalStats(started_at=first, completed_at=last, model_usage={model: model_usage(used)})


def _moments(rollouts: Sequence[Rollout]) -> tuple[str, str]:
    """When the first episode began and the last one: there is no other clock in a results file."""
    created = [rollout.trajectory.created for rollout in rollouts if rollout.trajectory]
    known = created or [datetime.fromtimestamp(0, UTC)]
    return min(known).isoformat(), max(known).isoformat()


def _file_name(log: EvalLog) -> str:
    moment = datetime.fromisoformat(log.eval.created).strftime("%Y-%m-%dT%H-%M-%S%z").replace("+0000", "+00-00")
    name = f"{log.eval.task}-{log.eval.task_args['profile']}-{log.eval.task_args['actions']}"
    return f"{moment}_{name.removeprefix(f'{PACKAGE}/')}_{log.eval.task_id}.eval"


def _id(text: str) -> str:
    """The same for the same job, so that a second export is known as the same log."""
    return hashlib.sha256(text.encode()).hexdigest()[:22]
