"""Suites by name, ours and other packages'."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.tasks import suite, suite_names

ENTRY = "[codeact.suites]\ntheirs = their_tasks:SUITE\nm3tooleval = their_tasks:SUITE\nbroken = their_tasks:ANSWER\n"
MODULE = """\
from pathlib import Path
from codeact.tasks import Expected, Profile, Suite, Task, workbench

ANSWER = 42

def tasks(*, count=1):
    return [
        Task(id=str(n), domain="sums", prompt="6 * 7?", open=workbench(lambda actions: []), judge=Expected(ANSWER))
        for n in range(count)
    ]

SUITE = Suite(
    name="theirs", summary="one sum", readme=Path(__file__), profiles=[Profile(name="plain", summary="", tasks=tasks)]
)
"""


@pytest.mark.parametrize("name", suite_names())
def test_a_suites_readme_says_where_it_is_from_whose_it_is_and_what_we_measured(name: str) -> None:
    text = suite(name).readme.read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.search(r"\*\*(Source|Sources)\b|^## (Source|Data)", text, re.MULTILINE), "where it is from"
    assert re.search(r"licen[cs]e", text, re.IGNORECASE), "whose it is"
    assert "Our numbers" in text


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is installed as far as Python's own look-up goes."""
    (tmp_path / "their_tasks.py").write_text(MODULE)
    info = tmp_path / "their_tasks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-tasks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_tasks", raising=False)


@pytest.mark.usefixtures("other_package")
def test_another_packages_suite_is_found_by_its_entry_point() -> None:
    assert suite_names()[-1] == "theirs"
    assert [task.id for task in suite("theirs").tasks(count=2)] == ["0", "1"]
    assert suite("their_tasks:SUITE") is suite("theirs")


@pytest.mark.usefixtures("other_package")
def test_another_package_cannot_take_the_name_of_ours() -> None:
    assert suite("m3tooleval").summary.startswith("82")


@pytest.mark.usefixtures("other_package")
def test_what_is_registered_must_be_a_suite() -> None:
    with pytest.raises(UsageError, match="'broken' is registered as a suite, but is int"):
        suite("broken")


def test_an_unknown_suite_profile_or_option_is_named() -> None:
    with pytest.raises(UsageError, match="'m3tooleva'; did you mean 'm3tooleval'"):
        suite("m3tooleva")
    with pytest.raises(UsageError, match="no profile 'papr'; there are: fixed, paper"):
        suite("m3tooleval").tasks("papr")
    with pytest.raises(UsageError, match="no option 'count'"):
        suite("m3tooleval").tasks(count=3)
    with pytest.raises(UsageError, match="cannot be loaded"):
        suite("nowhere.at_all:SUITE")
