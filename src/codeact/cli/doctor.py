"""`codeact doctor`: what works on this machine, and how to mend what does not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import anyio
import platformdirs
from rich.table import Table
from rich.text import Text

from codeact.cli import app, config, consoles, describe, exits
from codeact.cli import attack as attacking
from codeact.cli.jsonlines import write_line
from codeact.cli.options import option
from codeact.cli.pulling import LOCAL
from codeact.errors import CodeActError
from codeact.models.environment import EMBEDDED, VARIABLES, choose_default
from codeact.models.store import Store, default_root
from codeact.sandbox import isolation
from codeact.sandbox.isolation import Check, IsolationReport, Level
from codeact.sandbox.probe import probe

State = Literal["good", "absent", "bad"]  # absent: only needed for what it says; bad: `codeact run` does not work
MARKS: dict[State, tuple[str, str]] = {"good": ("✓", "green"), "absent": ("–", "dim"), "bad": ("✗", "red")}

NEEDED = "namespace"  # the isolation that the local sandbox asks for when nothing else is said
LEVELS: dict[Level, str] = {
    "container": "code runs in a container of its own",
    "namespace": "this machine's files, processes and network do not exist for code, and it has its share and no more",
    "filter": "this machine's files, processes and network are closed to code; disk and processes are not counted",
    "process": "code has the powers of whoever runs it; only accidents are stopped",
}
PACKAGES = ("anyio", "ipython", "openai", "pydantic", "rich", "typer")
EXTRAS = {
    "local": (("xllamacpp",), "the embedded model"),
    "anthropic": (("anthropic",), "Anthropic's models"),
    "mcp": (("mcp",), "tools of MCP servers, and `codeact mcp`"),
    "acp": (("agent-client-protocol",), "`codeact acp`, the agent for editors"),
    "docker": (("docker",), "sandboxes in containers"),
    "jupyter": (("websockets",), "sandboxes in kernels of a Jupyter server"),
    "ray": (("ray",), "jobs over a Ray cluster"),
    "data": (("numpy", "pandas", "matplotlib", "scikit-learn"), "data work in the box"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    part: str
    name: str
    state: State
    detail: str
    remedy: str = ""


def doctor(
    json: Annotated[bool, option("--json", help="Print one JSON object a line.")] = False,
    attack: Annotated[bool, option("--attack", help="Try attacks of our own against the sandbox.")] = False,
    sandbox: Annotated[
        list[str] | None, option(metavar="NAME", help="With --attack: what is attacked, default local; repeatable.")
    ] = None,
    sandbox_option: Annotated[
        list[str] | None,
        option(metavar="NAME=VALUE", help="With --attack: an option of the one sandbox that is attacked; repeatable."),
    ] = None,
    only: Annotated[str, option(metavar="PATTERN", help="With --attack: part of an attack's name, or a pattern.")] = "",
    markdown: Annotated[bool, option("--markdown", help="With --attack: print the page docs/attacks.md.")] = False,
) -> int:
    """Look at Python, isolation, models, keys, disk and packages; or, with --attack, try to get out of the sandbox.

    The exit code is 1 when `codeact run` would not work, or when an attack got through that must not.
    """
    if attack:
        form = "json" if json else "markdown" if markdown else "table"
        return attacking.attack(sandbox or ["local"], only, form, sandbox_option or [])
    findings = [*examine()]
    if json:
        for finding in findings:
            write_line(sys.stdout, finding)
    else:
        _show(findings)
    return exits.NO_ANSWER if any(finding.state == "bad" for finding in findings) else exits.ANSWERED


def examine() -> Iterator[Finding]:
    """Everything there is to find, part by part."""
    yield Finding(part="program", name="codeact", state="good", detail=version("codeact"))
    yield Finding(part="program", name="python", state="good", detail=f"{platform.python_version()} ({sys.executable})")
    yield Finding(part="program", name="platform", state="good", detail=platform.platform())
    yield from _isolation()
    yield from _models()
    yield from _keys()
    yield from _extras()
    for name in PACKAGES:
        yield Finding(part="packages", name=name, state="good", detail=_installed(name) or "")
    yield from _settings()


def _isolation() -> Iterator[Finding]:
    try:
        report = anyio.run(probe)
    except CodeActError as error:
        yield Finding(part="isolation", name="sandbox", state="bad", detail=str(error))
        return
    enough = isolation.meets(report.level, NEEDED)
    remedy = "" if enough else _remedy(report)
    detail = f"{report.level}: {LEVELS[report.level]}"
    yield Finding(part="isolation", name="level", state="good" if enough else "bad", detail=detail, remedy=remedy)
    for layer in report.layers:
        state: State = "good" if layer.active else "absent"
        words = layer.detail if layer.active or not layer.detail else f"not held: {layer.detail}"
        yield Finding(part="isolation", name=layer.name, state=state, detail=words, remedy=layer.remedy)
    for check in report.checks:
        yield _attempt(check, report.level)


def _remedy(report: IsolationReport) -> str:
    weaker = f"; or take what there is: `codeact run --require {report.level}`" if report.level == "filter" else ""
    return "; ".join(layer.remedy for layer in report.missing if layer.remedy and layer.name != "total memory") + weaker


def _attempt(check: Check, level: Level) -> Finding:
    """An attempt to take more than one's share tells what a level covers, not that it does not hold."""
    expected = level == "filter" and check.kind == "share"
    state: State = "good" if check.held else "absent" if expected else "bad"
    words = f"code tried to {check.name}: {check.detail}"
    return Finding(part="attempts", name="refused" if check.held else "worked", state=state, detail=words)


def _models() -> Iterator[Finding]:
    store = Store(default_root(os.environ))
    default = choose_default(os.environ)
    free = _free(store.root)
    here = {entry.name: entry.size for entry in store.list()}
    yield Finding(part="models", name="default", state="good", detail=f"{default.spec} ({default.reason})")
    yield Finding(
        part="models", name="store", state="good", detail=f"{store.root}, {describe.size(free)} free on its disk"
    )
    for name, weights in store.known.items():
        needed = default.spec == EMBEDDED and store.resolve(EMBEDDED.removeprefix(LOCAL)).base == name
        if name in here:
            yield Finding(part="models", name=name, state="good", detail=f"here, {describe.size(here[name])}")
        elif needed and free < weights.size:
            detail = f"not here, and {describe.size(weights.size)} do not fit on the disk"
            remedy = "free some space, or set CODEACT_HOME to a folder on another disk"
            yield Finding(part="models", name=name, state="bad", detail=detail, remedy=remedy)
        else:
            detail = f"not here, {describe.size(weights.size)}" + ("; the first run fetches it" if needed else "")
            yield Finding(part="models", name=name, state="absent", detail=detail, remedy=f"codeact models pull {name}")
    for name in here.keys() - store.known.keys():
        yield Finding(
            part="models", name=name, state="good", detail=f"here, {describe.size(here[name])}, added by hand"
        )


def _keys() -> Iterator[Finding]:
    for options in VARIABLES.values():
        for variable in (options[name] for name in ("api_key", "base_url") if name in options):
            is_set = bool(os.environ.get(variable))
            state: State = "good" if is_set else "absent"
            yield Finding(part="keys", name=variable, state=state, detail="set" if is_set else "not set")


def _extras() -> Iterator[Finding]:
    embedded = choose_default(os.environ).spec == EMBEDDED
    for extra, (packages, purpose) in EXTRAS.items():
        found = {name: _installed(name) for name in packages}
        missing = [name for name, number in found.items() if number is None]
        if missing:
            state: State = "bad" if extra == "local" and embedded else "absent"
            detail = f"{', '.join(missing)} not installed: no {purpose}"
            yield Finding(
                part="extras", name=extra, state=state, detail=detail, remedy=f"pip install 'codeact[{extra}]'"
            )
        else:
            detail = ", ".join(f"{name} {number}" for name, number in found.items())
            yield Finding(part="extras", name=extra, state="good", detail=detail)


def _settings() -> Iterator[Finding]:
    files = config.find_files(Path.cwd(), platformdirs.user_config_path("codeact"))
    for path in files:
        try:
            settings = config.load([path], list(app.COMMANDS))
            for command in settings.tables:
                settings.check(command, app.settable(command))
        except CodeActError as error:
            yield Finding(part="settings", name=path.name, state="bad", detail=str(error))
        else:
            yield Finding(part="settings", name=path.name, state="good", detail=str(path))


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _free(folder: Path) -> int:
    """Bytes free where the folder is, or will be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def _show(findings: Sequence[Finding]) -> None:
    console = consoles.output()
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    part = ""
    for finding in findings:
        mark, style = MARKS[finding.state]
        detail = Text(finding.detail)
        if finding.remedy and finding.state != "good":
            detail.append(f"\n  remedy: {finding.remedy}", style="yellow")
        table.add_row(
            Text(finding.part if finding.part != part else "", style="bold"), Text(mark, style), finding.name, detail
        )
        part = finding.part
    console.print(table)
    broken = [finding for finding in findings if finding.state == "bad"]
    words = "codeact run works here" if not broken else f"codeact run does not work here: {broken[0].detail}"
    console.print(Text(words, style="green" if not broken else "red"))
