"""`codeact run`: one task from its words to its answer."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import anyio
import typer
from rich.console import Console

from codeact.agent import Conversation
from codeact.agent.conversation import check_message
from codeact.cli import consoles, exits
from codeact.cli.approval import Asking, asking_on
from codeact.cli.artifacts import RunFolder, note_inputs, plan_folder
from codeact.cli.assemble import Parts, choose_model, open_agent, parts_of
from codeact.cli.interrupts import Interrupts, interruptible
from codeact.cli.options import AgentOptions, option, spread
from codeact.cli.screen import Screen
from codeact.cli.views import JsonView, QuietView, Report, TerminalView, View
from codeact.errors import UsageError
from codeact.events import Event
from codeact.trajectory import TrajectoryWriter


@spread(AgentOptions)
def run(
    options: AgentOptions,
    task: Annotated[str, typer.Argument(metavar="TASK", help="What is to be done; - reads it from standard input.")],
    json: Annotated[bool, option("--json", help="Print events as JSON lines, the result last.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", help="Print the answer and nothing else.")] = False,
) -> int:
    """Solve one task and show how: thoughts, code, output, figures, the answer.

    The code runs in an isolated interpreter on this machine. The record of the run and the files that the code made are
    put into a new folder.
    """
    if json and quiet:
        raise UsageError("--json and --quiet exclude each other; choose one")
    task = sys.stdin.read() if task == "-" else task
    check_message(task)
    notices = consoles.notices(quiet=quiet or json)
    folder = plan_folder(task, options.out, now=datetime.now())
    view, asking = _view(options, json=json, quiet=quiet)
    return anyio.run(_solve, Job(parts_of(options, notices), task, folder, view, asking, notices))


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made, and how it is shown."""

    parts: Parts
    task: str
    folder: RunFolder
    view: View
    asking: Asking | None
    notices: Console


def _view(options: AgentOptions, *, json: bool, quiet: bool) -> tuple[View, Asking | None]:
    if options.approve and (json or quiet):
        raise UsageError("--approve shows each action and asks; leave out --json and --quiet")
    if json:
        return JsonView(sys.stdout), None
    if quiet:
        return QuietView(), None
    screen = Screen.on(consoles.output())
    return TerminalView(screen), asking_on(screen, every_action=options.approve)


async def _solve(job: Job) -> int:
    async with (
        interruptible() as interrupts,
        (await choose_model(job.parts.options, job.notices)).open() as model,
        open_agent(job.parts, model, approve=job.asking, ask=job.asking and job.asking.answer) as agent,
        agent.open() as conversation,
    ):
        return await _send(job, conversation, interrupts)
    return exits.INTERRUPTED


async def _send(job: Job, conversation: Conversation, interrupts: Interrupts) -> int:
    files = job.parts.options.file
    report = Report(job.folder, model=conversation.setup.model.name)
    note_inputs(conversation, files)

    def emit(event: Event) -> None:
        report.note(event)
        job.view.emit(event)

    job.folder.create(files)
    try:
        with TrajectoryWriter(job.folder.trajectory) as writer, interrupts.stop_here():
            await conversation.send(job.task, files=files, emit=emit, record=writer)
    finally:
        await job.folder.bring_out(conversation.setup.session)
        job.view.finish(report)
    return exits.of_outcome(report.outcome.status) if report.outcome else exits.INTERRUPTED
