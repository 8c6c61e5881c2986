"""`codeact bench`: models on a suite of tasks, in code, JSON and text; stopped and gone on with at any point."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from codeact.cli import consoles, exits
from codeact.cli.bench_jobs import RunningJobs
from codeact.cli.bench_models import listed_models
from codeact.cli.bench_options import BenchOptions
from codeact.cli.bench_places import play_on_ray
from codeact.cli.bench_plan import PlannedJob, plan
from codeact.cli.bench_screen import print_rows, rows_of
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.cli.options import option, spread
from codeact.cli.report import print_report
from codeact.errors import CodeActError
from codeact.rollouts import Finished, Results, Spending, open_player, run_job
from codeact.rollouts.pool import Report
from codeact.sandbox.base import Sandbox
from codeact.tasks import suite, suite_names


@spread(BenchOptions)
def bench(
    options: BenchOptions,
    suite: Annotated[
        str | None, typer.Argument(metavar="[SUITE]", help="A suite's name; without it, the suites are listed.")
    ] = None,
    dry_run: Annotated[bool, option("--dry-run", help="Say what would be run, and run nothing.")] = False,
    json: Annotated[
        bool, option("--json", help="Print JSON lines: the plan, progress, the rows of the table.")
    ] = False,
) -> int:
    """Measure models on the tasks of a suite, by the same rules in each format.

    Every episode is kept as soon as it has ended: stopped or killed, the same command goes on where it was, and runs
    nothing twice.
    """
    if suite is None:
        return _list_suites(json=json)
    jobs = plan(suite, options)
    notices = consoles.notices(quiet=json)
    _say_plan(jobs, options, notices, json=json)
    if dry_run:
        return exits.ANSWERED
    running = RunningJobs(jobs=jobs, options=options, notices=notices, json=json, play=partial(_play, options))
    return anyio.run(_measure, running, options)


def _list_suites(*, json: bool) -> int:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("suite", "profiles", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for name in suite_names():
        found = suite(name)
        profiles = [profile.name for profile in found.profiles]
        table.add_row(name, ", ".join(profiles), found.summary)
        if json:
            write_line(sys.stdout, {"kind": "suite", "name": name, "profiles": profiles, "summary": found.summary})
    if not json:
        consoles.output().print(table)
    return exits.ANSWERED


def _say_plan(jobs: Sequence[PlannedJob], options: BenchOptions, notices: Console, *, json: bool) -> None:
    first = jobs[0].job
    total, done = sum(len(planned.job) for planned in jobs), sum(planned.done for planned in jobs)
    if json:
        for planned in jobs:
            line = {"episodes": len(planned.job), "done": planned.done, "file": str(planned.path)}
            write_line(sys.stdout, {"kind": "plan", **line, "job": planned.job.header()})
    share = first.options.get("subset")
    tasks = f"{len(first.tasks)} of {share['of']} tasks" if share else f"{len(first.tasks)} tasks"
    models = "1 model" if len(jobs) == 1 else f"{len(jobs)} models"
    what = f"{first.suite}, profile {first.profile}: {models}, {tasks} in {', '.join(first.actions)}"
    notices.print(Text(f"{what}: {total:,} episodes, {done:,} done already"))
    for model in listed_models(options.models):
        if model.gone:
            notices.print(Text(f"not run: {model.name}, {model.gone}", style="dim"))
    sampled = options.temperature or any("temperature" in text for text in options.model_option)
    if max(len(planned.job.seeds) for planned in jobs) > 1 and not sampled:
        words = "several seeds say little without --temperature: many models then repeat themselves, word for word"
        notices.print(Text(f"note: {words}", style="yellow"))


async def _play(
    options: BenchOptions, planned: PlannedJob, place: Sandbox, spending: Spending, report: Report
) -> Finished:
    if options.ray is not None:
        return await play_on_ray(planned, options, spending=spending, report=report)
    async with open_player(planned.job.model, **planned.model_options) as player:
        at_once = planned.at_once
        return await run_job(
            planned.job, planned.path, player, at_once=at_once, sandbox=place, spending=spending, report=report
        )


async def _measure(running: RunningJobs, options: BenchOptions) -> int:
    interrupted = await running.run()
    results = running.results()
    rows = [
        row
        for found in results
        for row in rows_of(str(found.job["model"]), found.job["actions"], list(found.rollouts.values()))
    ]
    print_rows(rows, json=running.json)
    left = running.say_what_is_left(results)
    if rows and options.report and not interrupted:
        _report(running, results)
    return running.exit_code(interrupted=interrupted, left=left)


def _report(running: RunningJobs, results: Sequence[Results]) -> None:
    """What cannot be drawn takes nothing from the results."""
    try:
        print_report(results, running.jobs[0].path.parent, json=running.json)
    except CodeActError as error:
        running.notices.print(Text(harmless(f"no report: {error}"), style="yellow"))
