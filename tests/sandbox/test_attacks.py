"""The attack suite: what each level promises is held, and the suite can tell when it is not."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codeact.actions.observation import observe
from codeact.cli.escape import harmless
from codeact.sandbox.attacks import CATALOGUE, Row, chosen, run_attacks
from codeact.sandbox.attacks.attack import Attack
from codeact.sandbox.attacks.judge import Course, Place, judge
from codeact.sandbox.attacks.procfs import below
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox
from codeact.types import ErrorKind, ExecError, ExecResult

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
VIEWS = (lambda result: observe(result).text, lambda result: harmless(result.stdout[:1000]))
BOX = Place(layers=frozenset({"files", "seccomp", "landlock"}), namespaces=frozenset({"pid", "mnt"}), isolated=True)


def problems(rows: Sequence[Row]) -> list[str]:
    return [f"{row.id}: {row.verdict} {row.met}" for row in rows if row.bad]


def grounds() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("codeact-ground-*"))


def not_held(rows: Sequence[Row]) -> set[str]:
    return {row.id for row in rows if row.verdict == "not held"}


@pytest.mark.timeout(600)
async def test_the_namespace_level_holds_what_it_promises() -> None:
    before = below(os.getpid()), grounds()
    rows = await run_attacks(LocalSandbox(spares=0), CATALOGUE, views=VIEWS)
    assert problems(rows) == []
    assert len(rows) == len(CATALOGUE)
    assert not_held(rows) <= gaps(column=0)
    assert {row.verdict for row in rows if row.family == "working"} <= {"works", "not applicable"}
    assert below(os.getpid()) <= before[0]
    assert grounds() <= before[1]


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


def gaps(column: int) -> set[str]:
    """The attacks that the page calls a known gap in one of its columns."""
    return {id_ for id_, cells in cells_of_page().items() if "known gap" in cells[column]}


def cells_of_page() -> dict[str, list[str]]:
    found, family = dict[str, list[str]](), ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            family = line[3:]
        elif line.startswith("| ") and not line.startswith("| attack"):
            name, _, *cells = [cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")]
            found[f"{family}/{name}"] = cells
    return found


def test_the_page_shows_every_attack() -> None:
    """Made anew by `codeact doctor --attack --sandbox local --sandbox subprocess --markdown`."""
    cells = cells_of_page()
    assert list(cells) == [attack.id for attack in CATALOGUE]
    assert all(cell for row in cells.values() for cell in row)
    text = PAGE.read_text()
    assert all(attack.tries.replace("|", "\\|") in text for attack in CATALOGUE)


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
    return Attack(**{"family": "files", "name": "x", "tries": "x", "code": "", "promise": "files", **more})


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
    assert BOX.promises(attack(promise="files"))
    assert BOX.promises(attack(promise="host"))
    assert not BOX.promises(attack(promise="total memory"))
    nothing = Place(layers=frozenset(), namespaces=frozenset(), isolated=False)
    assert not nothing.promises(attack(promise="files"))
    assert not nothing.bears(attack(promise="files"))
    assert Row(id="x", family="x", tries="x", verdict="not held").bad
    assert not Row(id="x", family="x", tries="x", verdict="not held", promised=False).bad
