"""From the options of `codeact instruct collect` to jobs: everything is checked here, before anything is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from codeact.cli.bench_plan import HOSTED, Jobs, PlannedJob, formats
from codeact.cli.collect_options import CollectOptions
from codeact.cli.named_values import named_values
from codeact.errors import UsageError
from codeact.instruct.collection import TEMPERATURE, check_sampling, repairs_job, repairs_of, unrepaired, with_expert
from codeact.rollouts import EXPERTS, Key, Rollout, known_results

FOLDER = Path("codeact-runs", "instruct")


def plan(options: CollectOptions) -> Sequence[PlannedJob]:
    """A job for each environment and model.

    Raises:
        UsageError: something named is not there, options contradict each other, or a file holds another job's results.
    """
    if not options.env or not options.model:
        raise UsageError(
            "collect needs an environment and a model: --env m3gen --model expert, or --model local:qwen2.5-coder-1.5b"
        )
    if options.repair and options.ray is not None:
        raise UsageError(
            "--repair forks sessions of this process, and --ray plays elsewhere; run without --repair first, then the "
            "same command with --repair and without --ray: it repairs what has failed by replaying it"
        )
    if options.repair_temperature is not None and not options.repair:
        raise UsageError("--repair-temperature is for --repair, which is not given")
    planned = [job for model in options.model for job in _of_model(model, options)]
    paths = [job.path for job in planned]
    if twice := next((job for job in planned if paths.count(job.path) > 1), None):
        raise UsageError(f"{twice.title} would be collected twice, into {str(twice.path)!r}; name each once")
    return planned


def _of_model(model: str, options: CollectOptions) -> Sequence[PlannedJob]:
    options = _sampled(model, options)
    expert = model in EXPERTS
    jobs = Jobs(
        options=options,
        models=[model],
        actions=options.actions,
        seeds=options.samples,
        folder=options.out or FOLDER,
        several=True,
        playable=lambda _, tasks: with_expert(tasks, formats(options.actions)) if expert else tasks,
    )
    planned = [job for env in options.env for job in jobs.of(env)]
    return [replace(job, repairs_left=repairs_left(job, options, job.known, _repairs(job, options))) for job in planned]


def _sampled(model: str, options: CollectOptions) -> CollectOptions:
    """The options with a temperature, for models that have one."""
    given = named_values("--model-option", options.model_option, "context=4096").get("temperature", options.temperature)
    provider = model.partition(":")[0]
    if provider in EXPERTS:
        return options
    check_sampling(samples=options.samples, repair=options.repair, temperature=given)
    if given is None and provider in (*HOSTED, "local"):
        return replace(options, temperature=TEMPERATURE)
    return options


def _repairs(planned: PlannedJob, options: CollectOptions) -> Mapping[Key, Rollout]:
    """Those that there are; raises `UsageError` where their file is of another job, or not a results file."""
    if not options.repair:
        return {}
    job = repairs_job(planned.job, options.repair, options.repair_temperature)
    return known_results(repairs_of(planned.path), job)


def repairs_left(
    planned: PlannedJob, options: CollectOptions, episodes: Mapping[Key, Rollout], repairs: Mapping[Key, Rollout]
) -> int:
    """How many of these failed episodes are still to be repaired."""
    if not options.repair or planned.job.model in EXPERTS:
        return 0
    return sum(1 for _ in unrepaired(planned.job, episodes, repairs))
