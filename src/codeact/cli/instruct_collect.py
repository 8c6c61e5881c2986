"""`codeact instruct collect`: episodes to make training data of, by a model and its repairs, or by an expert."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

import anyio
from rich.console import Console
from rich.text import Text

from codeact.cli import consoles, exits
from codeact.cli.bench_jobs import RunningJobs
from codeact.cli.bench_places import play_on_ray
from codeact.cli.bench_plan import PlannedJob
from codeact.cli.collect_costs import print_costs
from codeact.cli.collect_options import CollectOptions
from codeact.cli.collect_plan import plan, repairs_left
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.cli.options import option, spread
from codeact.instruct.collection import collect as collect_job
from codeact.instruct.collection import repairs_of
from codeact.instruct.costs import costs_of
from codeact.rollouts import EXPERTS, Finished, Spending, open_player, read_results
from codeact.rollouts.pool import Report
from codeact.sandbox.base import Sandbox


@spread(CollectOptions)
def collect(
    options: CollectOptions,
    dry_run: Annotated[bool, option("--dry-run", help="Say what would be run, and run nothing.")] = False,
    json: Annotated[
        bool, option("--json", help="Print JSON lines: the plan, progress, what each job has cost.")
    ] = False,
) -> int:
    """Collect episodes of models, or of the environments' experts, to select training data from.

    Every episode, and every repair of one, is kept as soon as it has ended: stopped or killed, the same command goes on
    where it was, and runs nothing twice.
    """
    jobs = plan(options)
    notices = consoles.notices(quiet=json)
    _say_plan(jobs, notices, json=json)
    if dry_run:
        return exits.ANSWERED
    running = RunningJobs(jobs=jobs, options=options, notices=notices, json=json, play=partial(_play, options))
    return anyio.run(_run, options, running)


def _say_plan(jobs: Sequence[PlannedJob], notices: Console, *, json: bool) -> None:
    for planned in jobs:
        job, left = planned.job, planned.repairs_left
        if json:
            line = {"episodes": len(job), "done": planned.done, "repairs_left": left, "file": str(planned.path)}
            write_line(sys.stdout, {"kind": "plan", **line, "job": job.header()})
        warmth = job.settings.get("temperature")
        samples = f"{len(job.seeds)} samples" if len(job.seeds) > 1 else "1 sample"
        at = "" if warmth is None else f" at temperature {warmth}"
        what = f"{job.suite}, profile {job.profile}: {job.model}, {len(job.tasks)} tasks in {', '.join(job.actions)}"
        to_repair = f", {left:,} to repair" if left else ""
        words = f"{what}, {samples}{at}: {len(job):,} episodes, {planned.done:,} done already{to_repair}"
        notices.print(Text(harmless(words)))


async def _play(
    options: CollectOptions, planned: PlannedJob, place: Sandbox, spending: Spending, report: Report
) -> Finished:
    if options.ray is not None:
        return await play_on_ray(planned, options, spending=spending, report=report)
    repair = 0 if planned.job.model in EXPERTS else options.repair
    async with AsyncExitStack() as stack:
        player = await stack.enter_async_context(open_player(planned.job.model, **planned.model_options))
        other = None
        if repair and options.repair_temperature is not None:
            given = {**planned.model_options, "temperature": options.repair_temperature}
            other = await stack.enter_async_context(open_player(planned.job.model, **given))
        collected = await collect_job(
            planned.job,
            planned.path,
            player,
            repair=repair,
            repair_model=other,
            repair_temperature=options.repair_temperature,
            at_once=planned.at_once,
            sandbox=place,
            spending=spending,
            report=report,
        )
    return Finished(progress=collected.episodes.progress, stopped=collected.stopped)


async def _run(options: CollectOptions, running: RunningJobs) -> int:
    interrupted = await running.run()
    begun = [planned for planned in running.jobs if planned.path.is_file()]
    results = running.results()
    repairs = [read_results(path) if (path := repairs_of(planned.path)).is_file() else None for planned in begun]
    print_costs([costs_of(*pair) for pair in zip(results, repairs, strict=True)], json=running.json)
    left = running.say_what_is_left(results)
    unrepaired = sum(
        repairs_left(planned, options, found.rollouts, mended.rollouts if mended else {})
        for planned, found, mended in zip(begun, results, repairs, strict=True)
    )
    if unrepaired:
        running.notices.print(
            Text(f"{unrepaired:,} failed episodes are still to be repaired; the same command goes on")
        )
    return running.exit_code(interrupted=interrupted, left=left + unrepaired)
