"""The attack suite: what each level promises is held, and the suite can tell when it is not."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from codeact.cli.attack import LEVELS, lanes, target
from codeact.errors import SandboxError
from codeact.sandbox.attacks import CATALOGUE, Row, Target, chosen, run_attacks, run_in_lanes
from codeact.sandbox.attacks.attack import Attack
from codeact.sandbox.attacks.judge import Course, Place, judge
from codeact.sandbox.attacks.procfs import below
from codeact.sandbox.plain import SubprocessSandbox
from codeact.types import ErrorKind, ExecError, ExecResult

from .conftest import no_filter

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
SECURITY = PAGE.with_name("security.md")
BOX = Place(layers=frozenset({"files", "seccomp", "landlock"}), namespaces=frozenset({"pid", "mnt"}), isolated=True)


def problems(rows: Sequence[Row]) -> list[str]:
    return [f"{row.id}: {row.verdict} {row.met}" for row in rows if row.bad]


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place of their own for the files of lanes, of which nothing may be left. Others must be able to pass."""
    folder = Path(tempfile.mkdtemp("", "lanes-"))
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    left = [path.name for path in folder.iterdir()]
    shutil.rmtree(folder)
    assert left == []


def not_held(rows: Sequence[Row]) -> set[str]:
    return {row.id for row in rows if row.verdict in ("not held", "not tried")}


def documented(level: str) -> set[str]:
    """The attacks that the docs name where they say what a level does not cover."""
    section = SECURITY.read_text().split(f"## What the `{level}` level does not cover")[1].split("\n## ")[0]
    return set(re.findall(r"`([a-z]+/[0-9a-z-]+)`", section))


# What these refuse they refuse under any load; a limit or an end may come before an attempt gets that far.
STEADY = frozenset({"files", "namespaces", "privileges", "landlock", "seccomp"})
SOONER = frozenset({"time limit", "resources", "restart"})


def less_than_documented(rows: Sequence[Row], level: str) -> list[str]:
    """What a layer refuses according to the page, and what now happens, if only to the session itself."""
    page, column = cells_of_page(), LEVELS.index(level)
    told = {id_: cells[column] for id_, cells in page.items()}
    refused = {id_ for id_, cell in told.items() if cell in {f"held, {layer}" for layer in STEADY}}
    happened = [row for row in rows if row.verdict == "contained" and row.layer not in SOONER]
    return [
        f"{row.id}: contained, {row.layer}, and the page says {told[row.id]}" for row in happened if row.id in refused
    ]


async def attacked(level: str) -> list[Row]:
    """All attacks, and that no process is left of them."""
    before = below(os.getpid())
    rows = await run_in_lanes(target(level), CATALOGUE, lanes=lanes())
    assert problems(rows) == []
    assert less_than_documented(rows, level) == []
    assert [row.id for row in rows] == [attack.id for attack in CATALOGUE]
    assert below(os.getpid()) <= before
    return rows


@pytest.mark.usefixtures("temporary")
@pytest.mark.timeout(600)
async def test_the_namespace_level_holds_what_it_promises() -> None:
    rows = await attacked("namespace")
    assert not_held(rows) <= documented("namespace")
    assert {row.verdict for row in rows if row.family == "working"} <= {"works", "not applicable"}


@pytest.mark.skipif(bool(no_filter()), reason=no_filter() or "-")
@pytest.mark.usefixtures("temporary")
@pytest.mark.timeout(600)
async def test_the_filter_level_holds_what_it_promises() -> None:
    rows = await attacked("filter")
    assert not_held(rows) <= documented("namespace") | documented("filter")
    assert {row.verdict for row in rows if row.family == "working"} <= {"works", "not applicable"}


OF_FILTER = frozenset({"resources", "landlock", "seccomp", "files", "network", "privileges"})
OF_NAMESPACE = OF_FILTER | {"namespaces"}


def unpromised(layers: frozenset[str]) -> set[str]:
    place = Place(layers=layers, namespaces=frozenset(), isolated=False)
    return {attack.id for attack in CATALOGUE if not place.promised_by(attack)}


def test_the_docs_name_all_that_a_level_does_not_promise() -> None:
    """Total memory is held by a control group only; whether there is one decides whether those are holes."""
    assert unpromised(OF_NAMESPACE) == documented("namespace")
    assert unpromised(OF_FILTER) == documented("namespace") | {i for i in documented("filter") if "working/" not in i}
    held_by_group = {attack.id for attack in CATALOGUE if attack.promise == "total memory"}
    assert len(held_by_group) == 4
    assert unpromised(OF_NAMESPACE | {"total memory"}) == documented("namespace") - held_by_group


def test_the_docs_name_all_that_does_not_work_at_a_level() -> None:
    lacking = {attack.id for attack in CATALOGUE if "filter" in attack.lacking}
    assert lacking == {id_ for id_ in documented("filter") if id_.startswith("working/")}
    assert {level for attack in CATALOGUE for level in attack.lacking} == {"filter"}


async def test_what_the_sandbox_refuses_is_told_by_its_lane() -> None:
    with pytest.raises(SandboxError, match="not a package"):
        await run_in_lanes(Target(sandbox="local", options={"packages": ["!"]}), chosen("working/state"), lanes=2)


async def test_a_lane_that_ends_is_told() -> None:
    broken = Target(sandbox="subprocess", options={"preload": []}, views=["sys:exit"])
    with pytest.raises(SandboxError, match="the process that tried 'working/state' ended with 1"):
        await run_in_lanes(broken, chosen("working/state"), lanes=1)


WITNESSED = {  # what the host must have seen where nothing isolates
    "files/read-host-file": "the secret of the file",
    "files/environment-of-host-process": "the secret of the environment",
    "files/arguments-of-host-processes": "the secret of the arguments",
    "files/read-neighbour-workspace": "the secret of the neighbour",
    "files/write-host-folder": "was changed",
    "files/overwrite-host-file": "was changed",
    "files/write-shared-folders": "turned up on the host",
    "processes/kill-host-process": "was ended",
    "processes/stop-host-process": "was stopped",
    "processes/kill-neighbour": "the neighbour says",
    "network/host-loopback": "reached the host's service",
    "network/abstract-socket": "reached the host's abstract socket",
    "network/socket-by-path": "reached the host's socket by path",
    "network/host-datagrams": "reached the host's datagrams",
}
OTHERS = {
    "processes/kill-everything": "not tried",  # it would kill the tests
    "resources/fork-bomb": "not tried",
    "files/sysrq": "not tried",
    "files/fetch-link": "held",
    "files/replace-workspace": "held",
    "files/list-deep-folder": "contained",
    "channel/noise": "held",
    "tools/pickled-argument": "held",
}


@pytest.mark.timeout(300)
async def test_where_nothing_isolates_every_kind_of_witness_says_not_held() -> None:
    wanted = {**WITNESSED, **OTHERS}
    rows = await run_attacks(SubprocessSandbox(preload=()), [each for each in CATALOGUE if each.id in wanted])
    assert problems(rows) == []
    found = {row.id: row for row in rows}
    for id_, words in WITNESSED.items():
        assert (found[id_].verdict, found[id_].promised) == ("not held", False), id_
        assert words in found[id_].met, id_
    assert {id_: found[id_].verdict for id_ in OTHERS} == OTHERS


def cells_of_page() -> dict[str, list[str]]:
    found, family = dict[str, list[str]](), ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            family = line[3:]
        elif family and line.startswith("| ") and not line.startswith("| attack"):
            name, _, *cells = [cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")]
            found[f"{family}/{name}"] = cells
    return found


def test_the_page_shows_every_attack() -> None:
    """Made anew by `codeact doctor --attack --sandbox namespace --sandbox filter --sandbox subprocess --markdown`."""
    cells = cells_of_page()
    assert list(cells) == [attack.id for attack in CATALOGUE]
    assert all(len(row) == 3 and all(row) for row in cells.values())
    text = PAGE.read_text()
    assert f"| attack | code tries to | {' | '.join(LEVELS)} | subprocess |" in text
    assert all(attack.tries.replace("|", "\\|") in text for attack in CATALOGUE)


def test_the_docs_show_the_summary_of_the_page() -> None:
    """Copied from the top of docs/attacks.md."""
    summary = PAGE.read_text().split("\n\n| family |")[1].split("\n\n")[0]
    assert f"| family |{summary}\n" in SECURITY.read_text()
    families = [line.split("|")[1].strip() for line in summary.splitlines()[2:]]
    assert families == list(dict.fromkeys(attack.family for attack in CATALOGUE))


def test_the_catalogue() -> None:
    ids = Counter(attack.id for attack in CATALOGUE)
    assert [id_ for id_, count in ids.items() if count > 1] == []
    honest = chosen("working/*")
    assert len(honest) >= 25
    assert len(CATALOGUE) - len(honest) >= 140
    assert all(attack.done == "works" for attack in honest)
    assert [attack.id for attack in chosen("host-loopback")] == ["network/host-loopback", "network/host-loopback-6"]
    assert list(chosen("nothing/*")) == []


def attack(**more: Any) -> Attack:
    values: dict[str, Any] = {"family": "files", "name": "x", "tries": "x", "code": "", "promise": "files"}
    return Attack(**(values | more))


def met(name: str, message: str = "", kind: ErrorKind = "exception") -> Course:
    return Course(results=[ExecResult(error=ExecError(kind=kind, name=name, message=message))])


@pytest.mark.parametrize(
    ("course", "verdict", "layer"),
    [
        (met("FileNotFoundError", "[Errno 2] No such file: '/x'"), "held", "files"),
        (met("FileNotFoundError", "[Errno 2] No such file: '/proc/77'"), "held", "namespaces"),
        (met("OSError", "[Errno 30] Read-only file system"), "held", "files"),
        (met("PermissionError", "[Errno 1] mount: Operation not permitted, filtered"), "held", "seccomp"),
        (met("PermissionError", "[Errno 1] Operation not permitted"), "held", "privileges"),
        (met("PermissionError", "[Errno 13] Permission denied: '/usr/x'"), "held", "landlock"),
        (met("PermissionError", "[Errno 13] Permission denied: '/proc/1/mem'"), "held", "privileges"),
        (met("ConnectionRefusedError", "[Errno 111] refused"), "held", "network"),
        (met("MemoryError", "", "out_of_memory"), "held", "resources"),
        (met("MemoryError", "The interpreter was killed.", "out_of_memory"), "contained", "resources"),
        (met("TimeoutError", "stopped", "timeout"), "contained", "time limit"),
        (met("SIGSYS", "crashed", "crashed"), "held", "seccomp"),
        (met("SIGSEGV", "crashed", "crashed"), "contained", "restart"),
        (met("ProtocolError", "lost", "crashed"), "held", "host"),
        (met("NotImplementedError", "x32"), "not applicable", ""),
        (met("NameError", "a mistake in the attack"), "faulty", ""),
        (Course(results=[ExecResult(value="it is mine")]), "not held", ""),
        (Course(results=[ExecResult()], harm="a file was changed"), "not held", ""),
    ],
)  # fmt: skip
def test_the_verdict_comes_from_what_was_met(course: Course, verdict: str, layer: str) -> None:
    assert judge(attack(), course, BOX)[:2] == (verdict, layer)


def test_what_runs_is_contained_by_what_can_be_seen() -> None:
    ran = Course(results=[ExecResult()])
    assert judge(attack(done="contained", within="pid"), ran, BOX)[:2] == ("contained", "namespaces (pid)")
    assert judge(attack(done="contained", within="net"), ran, BOX)[:2] == ("contained", "host")
    flooded = Course(results=[ExecResult(dropped=5)])
    assert judge(attack(done="contained"), flooded, BOX)[:2] == ("contained", "output limit")
    ran.harm = "the neighbour is gone"
    assert judge(attack(done="contained"), ran, BOX)[0] == "not held"


def test_honest_code_works_or_is_broken() -> None:
    honest = attack(done="works")
    assert judge(honest, Course(results=[ExecResult()]), BOX)[0] == "works"
    assert judge(honest, met("AssertionError"), BOX)[0] == "broken"
    assert judge(honest, met("ModuleNotFoundError"), BOX)[0] == "not applicable"


def test_what_no_layer_promises_is_a_gap_and_no_hole() -> None:
    assert BOX.promised_by(attack(promise="files")) == "files"
    assert BOX.promised_by(attack(promise="host")) == "host"
    assert not BOX.promised_by(attack(promise="total memory"))
    assert BOX.promised_by(attack(promise="namespaces", else_by="landlock")) == "landlock"
    nothing = Place(layers=frozenset(), namespaces=frozenset(), isolated=False)
    assert not nothing.promised_by(attack(promise="files", else_by="landlock"))
    assert not nothing.bears(attack(promise="files"))
    assert Row(id="x", family="x", tries="x", verdict="not held").bad
    assert not Row(id="x", family="x", tries="x", verdict="not held", promised=False).bad


def test_what_a_level_says_it_lacks_is_not_broken() -> None:
    filtered = Place(layers=OF_FILTER, namespaces=frozenset(), isolated=False, level="filter")
    honest = attack(done="works", lacking=frozenset({"filter"}))
    assert judge(honest, met("OSError"), filtered)[0] == "not applicable"
    assert judge(honest, met("OSError"), BOX)[0] == "broken"
    assert judge(attack(done="works"), met("OSError"), filtered)[0] == "broken"
