"""Fixtures of the command's tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .command import Codeact, steady
from .endpoint import ChatServer, slow_chat

GOLDEN = Path(__file__).parent / "golden"
OURS = ("OPENAI", "ANTHROPIC", "CODEACT", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES")

# The real local sandbox, without the seconds that importing the data stack takes.
QUICK = """
from codeact.sandbox.local import LocalSandbox

class Quick(LocalSandbox):
    def __init__(self, **options):
        super().__init__(preload=(), **options)
"""


def workplace(folder: Path) -> Codeact:
    """The command below `folder`, with nothing of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    (work / "quick.py").write_text(QUICK)
    places = {"HOME": str(home), "CODEACT_HOME": str(home / "codeact")}
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        places[variable] = str(home / variable.lower())
    boxes = {f"CODEACT_{command}_SANDBOX": "quick:Quick" for command in ("RUN", "CHAT", "REPLAY", "BENCH")}
    return Codeact(work, {**kept, **places, **boxes})


@pytest.fixture
def codeact(tmp_path: Path) -> Codeact:
    return workplace(tmp_path)


@pytest.fixture(scope="package")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with output, a mistake, a file and an answer; to be copied, not changed."""
    codeact = workplace(tmp_path_factory.mktemp("recorded"))
    codeact.write("data.txt", "seven")
    replies = (
        "I read it.\n\n```python\ntext = open('data.txt').read()\nprint(text)\nlen(text)\n```",
        "```python\nprint(txt)\n```",
        "```python\nopen('copy.txt', 'w').write(text.upper())\n```",
        "It says **seven**.",
    )
    done = codeact("run", "What does it say?", "-f", "data.txt", "-m", codeact.script(*replies), "--out", "out")
    assert done.returncode == 0, done.stderr
    return codeact.folder


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a file of `golden/`; `CODEACT_GOLDEN=write` writes the file instead."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        stable = steady(text)
        if os.environ.get("CODEACT_GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(stable, encoding="utf-8")
        assert stable == path.read_text(encoding="utf-8")

    return check


@pytest.fixture
def slow_endpoint() -> Iterator[ChatServer]:
    with slow_chat() as server:
        yield server
