"""Where the episodes of a job are played: in this process, or over a Ray cluster."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, cast

from codeact.cli.bench_options import JobOptions
from codeact.cli.bench_plan import PlannedJob
from codeact.cli.places import options_of
from codeact.errors import MissingExtraError
from codeact.rollouts import Finished, Spending
from codeact.rollouts.pool import Report
from codeact.rollouts.ray_worker import Recipe

# No reports to Ray's makers, no warning of a default that will change.
RAYS_OWN = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def sandbox_options(options: JobOptions) -> dict[str, Any]:
    """Of the sandbox that is asked for."""
    given: dict[str, Any] = {"require": options.require}
    if options.sandbox == "local":
        given["checkpoints"] = "none"  # of no use in an episode, which nobody takes back
    return options_of(options.sandbox, options.sandbox_option, **given)


def _own_token() -> dict[str, str]:
    """For a cluster of our own, as long as it lives: a token that Ray makes is told among our output, and stays in the
    user's home.
    """
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


async def play_on_ray(planned: PlannedJob, options: JobOptions, *, spending: Spending, report: Report) -> Finished:
    """`run_job_on_ray`, for a job of this command.

    Raises:
        MissingExtraError: Ray is not installed.
        CodeActError: as `run_job_on_ray` does.
    """
    for name, value in {**RAYS_OWN, **(_own_token() if options.ray == "local" else {})}.items():
        os.environ.setdefault(name, value)
    try:
        ray_pool = cast("Any", import_module("codeact.rollouts.ray_pool"))
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise MissingExtraError("ray", "--ray") from error
    recipe = Recipe(
        source=planned.source,
        made_by=planned.job.options,
        player=planned.job.model,
        player_options=planned.model_options,
        sandbox=options.sandbox,
        sandbox_options=sandbox_options(options),
    )
    with redirect_stdout(sys.stderr):  # Ray prints remarks of its own, as on a worker that died
        return await ray_pool.run_job_on_ray(
            planned.job,
            planned.path,
            recipe,
            address=options.ray,
            at_once=options.at_once,
            spending=spending,
            report=report,
        )
