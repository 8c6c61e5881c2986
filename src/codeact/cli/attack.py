"""`codeact doctor --attack`: tries a sandbox with attacks of our own, and shows what held, and by what."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Literal

import anyio
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from codeact.actions.observation import observe
from codeact.cli import consoles, exits
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.cli.places import options_of
from codeact.errors import UsageError
from codeact.sandbox import sandbox
from codeact.sandbox.attacks import Attack, Row, Target, Verdict, chosen, run_in_lanes
from codeact.sandbox.attacks.matrix import VERDICTS, page, summary
from codeact.sandbox.isolation import Level
from codeact.types import ExecResult

Form = Literal["table", "json", "markdown"]

_STYLES: Mapping[Verdict, str] = {
    "held": "green", "contained": "green", "works": "green", "not held": "red", "broken": "red", "faulty": "red",
    "not applicable": "dim", "not tried": "dim",
}  # fmt: skip
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    # To see what is held also where that is little; the host is watched, so nothing else should go on there.
    "local": {"require": "process", "spares": 0},
    # A process for each session, so each would import what few attacks need.
    **{name: {"preload": ()} for name in ("subprocess", "docker", "podman", "kubernetes")},
}
LEVELS: Sequence[Level] = ("namespace", "filter")  # of `local`, each by its name
_LANES = 4  # most attacks at a time
_LONGEST = 200  # characters of what an attempt met
_SCREEN = 30_000  # characters that a screen shows of one action


def attack(names: Sequence[str], only: str, form: Form, options: Sequence[str] = ()) -> int:
    """Attack each of these sandboxes; the exit code is 1 when something that must hold does not. `options`: of the one
    that is attacked, as NAME=VALUE.

    Raises:
        UsageError: no such sandbox, or no such attack, or options for several sandboxes.
    """
    if options and len(names) > 1:
        raise UsageError(f"--sandbox-option is for one sandbox, and there are {len(names)}; attack them one by one")
    attacks = chosen(only)
    if not attacks:
        raise UsageError(f"no attack is named like {only!r}; try files, kernel or 'channel/*'")
    targets = {name: target(name, options) for name in names}
    for each in targets.values():
        sandbox(each.sandbox, **each.options)  # what is wrong is found out before anything is tried
    found = dict[str, list[Row]]()
    for name in names:
        found[name] = _run(name, targets[name], attacks, form)
        if form == "table":
            _show(name, found[name])
    if form == "markdown":
        sys.stdout.write(page(found))
    return exits.NO_ANSWER if any(row.bad for rows in found.values() for row in rows) else exits.ANSWERED


def _run(name: str, target: Target, attacks: Sequence[Attack], form: Form) -> list[Row]:
    console = consoles.notices()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=len(attacks))

        def tell(row: Row) -> None:
            progress.update(task, advance=1, description=f"{name}: {row.id}")
            if form == "json":
                write_line(sys.stdout, {"sandbox": name, **asdict(row), "bad": row.bad})

        return anyio.run(partial(run_in_lanes, target, attacks, lanes=lanes(), tell=tell))


def target(name: str, options: Sequence[str] = ()) -> Target:
    """What is meant by the name of a sandbox, with these options, or of a level of `local`. Raises `UsageError` for an
    option that is not NAME=VALUE.
    """
    views = [f"{__name__}:{view}" for view in ("prompt", "screen")]
    if name in LEVELS:
        by_name = {"forms": [name], "require": name, "spares": 0}
        return Target(sandbox="local", options=options_of("local", options, **by_name), views=views)
    return Target(sandbox=name, options=options_of(name, options, **_OPTIONS.get(name, {})), views=views)


def lanes() -> int:
    """How many attacks at a time: they wait more than they compute."""
    return min(_LANES, 2 * (os.cpu_count() or 1))


def prompt(result: ExecResult) -> str:
    """As a model sees a result."""
    return observe(result).text


def screen(result: ExecResult) -> str:
    """As a person does."""
    error = f"{result.error.name}: {result.error.message}" if result.error else ""
    text = "\n".join((result.stdout, result.stderr, result.value or "", error))
    return harmless(text[:_SCREEN]).encode("utf-8", "replace").decode()


def _show(name: str, rows: Sequence[Row]) -> None:
    console = consoles.output()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in (f"attack on {name}", "code tries to", "verdict", "by"):
        table.add_column(title)
    for row in rows:
        style = "yellow" if row.verdict == "not held" and not row.promised else _STYLES[row.verdict]
        table.add_row(row.id, Text(row.tries), Text(row.verdict, style), row.layer)
    console.print(table)
    console.print(_summary(rows))
    for row in rows:
        if row.bad:
            met = harmless(row.met)[:_LONGEST]
            console.print(Text(f"{row.id}: {row.verdict}: {met}", style="red"))
        elif row.verdict == "not held":
            words = f"{row.id}: not held, a known gap: this sandbox has no layer {row.promise!r}"
            console.print(Text(words, style="yellow"))
    bad = sum(row.bad for row in rows)
    words = f"{bad} of {len(rows)} are not as they should be" if bad else f"{name}: all that it promises is held"
    console.print(Text(words, style="red" if bad else "green"))


def _summary(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(1, 2, 0, 0))
    met: list[Verdict] = [verdict for verdict in VERDICTS if any(row.verdict == verdict for row in rows)]
    table.add_column("family")
    for verdict in met:
        table.add_column(verdict)
    for family, counts in summary(rows).items():
        table.add_row(family, *(str(counts[verdict] or "") for verdict in met))
    return table
