"""`codeact replay`: a recorded run, run again."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
from rich.text import Text

from codeact.agent.replay import replay as run_again
from codeact.cli import consoles, exits
from codeact.cli.artifacts import digest
from codeact.cli.escape import harmless
from codeact.cli.interrupts import interruptible
from codeact.cli.options import option
from codeact.cli.places import sandbox_named
from codeact.cli.records import RecordFile, conversation_of, read_records
from codeact.cli.screen import Screen
from codeact.errors import UsageError
from codeact.sandbox.base import Sandbox
from codeact.trajectory import Difference
from codeact.types import Trajectory

DIFFERENT = exits.NO_ANSWER
MAX_LINES = 60  # of one difference


def replay(
    file: RecordFile,
    inputs: Annotated[
        list[Path],
        option("--file", "-f", metavar="PATH", help="A file the run was given; default: where it was then."),
    ] = [],  # noqa: B006 -- typer copies it
    sandbox: Annotated[str, option(metavar="NAME", help="Where the code runs.")] = "local",
    sandbox_option: Annotated[
        list[str], option(metavar="NAME=VALUE", help="An option of that sandbox; repeatable.")
    ] = [],  # noqa: B006 -- typer copies it
    require: Annotated[
        str | None, option(metavar="LEVEL", help="Refuse to run code that is isolated less strongly than this.")
    ] = None,
) -> int:
    """Run the code of a record again, with its replies and tool results, and report what comes out differently.

    No model is asked and no tool is called. The exit code is 1 when something differs.
    """
    trajectory, *later = reversed(read_records(file))
    talk = conversation_of([trajectory, *later], trajectory.id)
    screen = Screen.on(consoles.output())
    files = find_inputs(trajectory, inputs, file.parent, screen)
    return anyio.run(_replay, Job(talk, files, sandbox_named(sandbox, sandbox_option, require=require), screen))


@dataclass(frozen=True, slots=True)
class Job:
    """One replay to be made."""

    talk: Sequence[Trajectory]  # the last one is compared
    files: Sequence[Path]
    place: Sandbox
    screen: Screen


async def _replay(job: Job) -> int:
    *earlier, trajectory = job.talk
    async with interruptible():
        differences = await run_again(trajectory, job.place, earlier=earlier, files=job.files)
        return _report(job.screen, trajectory, differences)
    return exits.INTERRUPTED


def find_inputs(trajectory: Trajectory, given: Sequence[Path], beside: Path, screen: Screen) -> Sequence[Path]:
    """The files that the run was given: those named now, else where they were then, else beside the record.

    Raises:
        UsageError: a file named now is not there.
    """
    for path in given:
        if not path.is_file():
            raise UsageError(f"no such file: {str(path)!r} (given with --file)")
    by_name = {path.name: path for path in given}
    for recorded in trajectory.agent.get("files", ()):
        then = Path(recorded["path"])
        places = [by_name[then.name]] if then.name in by_name else [then, beside / then.name]
        found = next((path for path in places if path.is_file()), None)
        if found is None:
            screen.note(f"the run was given {str(then)!r}, which is not there; --file says where it is")
            continue
        if digest(found) != recorded["sha256"]:
            screen.note(f"{str(found)!r} is not what it was when the run was recorded")
        by_name[then.name] = found
    return list(by_name.values())


def _report(screen: Screen, trajectory: Trajectory, differences: Sequence[Difference]) -> int:
    for difference in differences:
        screen.print(Text(f"step {difference.step}: {difference.what} differs", style="bold"))
        for line in _diff(difference):
            screen.print(Text(f"  {line}", style={"-": "red", "+": "green"}.get(line[:1], "dim")))
    steps = len(trajectory.steps)
    if differences:
        where = ", ".join(str(number) for number in sorted({difference.step for difference in differences}))
        screen.print(Text.assemble(("✗ ", "red"), f"{steps} steps run again; different: step {where}"))
        return DIFFERENT
    screen.print(Text.assemble(("✓ ", "green"), f"{steps} steps run again, no difference"))
    return exits.ANSWERED


def _diff(difference: Difference) -> Iterator[str]:
    before, after = (harmless(side).splitlines() for side in (difference.recorded, difference.replayed))
    lines = difflib.unified_diff(before, after, "recorded", "replayed", lineterm="", n=2)
    return itertools.islice((line for line in lines if not line.startswith("@@")), MAX_LINES)
