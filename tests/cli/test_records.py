"""What can be done with a record: look at it, convert it, run it again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .command import Codeact

Golden = Callable[[str, str], None]

RANDOM = "```python\nimport random\nprint(random.random())\n```"
READ = "```python\nprint(open('data.txt').read())\n```"


@pytest.fixture
def record(codeact: Codeact, recorded: Path) -> str:
    shutil.copytree(recorded, codeact.folder, dirs_exist_ok=True)
    return "out/trajectory.jsonl"


def test_view_shows_the_run_as_it_was(codeact: Codeact, record: str, golden: Golden) -> None:
    done = codeact("view", record)
    assert (done.returncode, done.stderr) == (0, "")
    golden("view.txt", done.stdout)
    assert codeact("view", "out").stdout == done.stdout, "the folder stands for its record"


def test_view_of_one_step(codeact: Codeact, record: str) -> None:
    done = codeact("view", record, "--step", "2")
    assert "NameError" in done.stdout
    assert "seven" not in done.stdout
    wrong = codeact("view", record, "--step", "9")
    assert (wrong.returncode, wrong.stderr) == (2, "error: there is no step 9; the record has 4\n")


def test_a_picture_of_the_terminal(codeact: Codeact, record: str) -> None:
    assert codeact("view", record, "--svg", "run.svg").returncode == 0
    picture = (codeact.folder / "run.svg").read_text()
    assert picture.startswith("<svg")
    assert "NameError" in picture


def test_export_to_messages(codeact: Codeact, record: str) -> None:
    [line] = codeact("export", record, "--to", "messages").stdout.splitlines()
    roles = [message["role"] for message in json.loads(line)["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant", "user", "assistant"]


def test_export_to_markdown_and_notebook(codeact: Codeact, record: str) -> None:
    page = codeact("export", record, "--to", "markdown").stdout
    assert page.startswith("# What does it say?")
    assert "It says **seven**." in page
    done = codeact("export", record, "--to", "notebook", "--out", "run.ipynb")
    assert (done.returncode, done.stdout) == (0, "")
    cells = json.loads((codeact.folder / "run.ipynb").read_text())["cells"]
    assert [cell["cell_type"] for cell in cells].count("code") == 3
    again = codeact("export", record, "--to", "notebook", "--out", "run.ipynb")
    assert (again.returncode, again.stderr) == (2, "error: 'run.ipynb' exists; give another name, or move it away\n")


def test_a_replay_without_difference(codeact: Codeact, record: str) -> None:
    done = codeact("replay", record)
    assert (done.returncode, done.stdout) == (0, "✓ 4 steps run again, no difference\n")


def test_a_replay_with_a_difference(codeact: Codeact) -> None:
    codeact("run", "Draw.", "-m", codeact.script(RANDOM, "Drawn."), "--out", "out")
    done = codeact("replay", "out")
    assert done.returncode == 1
    assert done.stdout.startswith("step 1: stdout differs\n")
    assert "✗ 2 steps run again; different: step 1" in done.stdout


def test_a_replay_finds_the_files_of_the_run(codeact: Codeact) -> None:
    data = codeact.write("data.txt", "one")
    codeact("run", "Read.", "-f", "data.txt", "-m", codeact.script(READ, "Read."), "--out", "out")
    data.write_text("two")
    changed = codeact("replay", "out")
    assert changed.returncode == 1
    assert "» 'data.txt' is not what it was when the run was recorded" in changed.stdout
    assert "-one" in changed.stdout
    assert "+two" in changed.stdout
    data.unlink()
    assert "--file says where it is" in codeact("replay", "out").stdout
    codeact.write("elsewhere/data.txt", "one")
    assert codeact("replay", "out", "--file", "elsewhere/data.txt").returncode == 0
    assert codeact("replay", "out", "--file", "nowhere.txt").returncode == 2


def test_a_replay_of_a_talk_runs_what_came_before(codeact: Codeact) -> None:
    replies = ("```python\nx = 20\n```", "Set.", "```python\nprint(x + 1)\n```", "21")
    codeact("chat", "-m", codeact.script(*replies), "--out", "out", input="Set x.\nAdd one.\n")
    assert codeact("replay", "out").stdout == "✓ 2 steps run again, no difference\n"


def test_a_record_with_a_broken_last_line(codeact: Codeact, record: str) -> None:
    """The machine went down in the middle of a write."""
    path = codeact.folder / record
    path.write_text(path.read_text()[:-40])
    done = codeact("view", record)
    assert done.returncode == 0
    assert "note: " in done.stderr
    assert "line 6: left out" in done.stderr
    assert "» the record ends here: the run was cut off" in done.stdout
    assert codeact("export", record, "--to", "markdown").returncode == 0
    assert codeact("replay", record).returncode == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "No such file"),
        ("empty.jsonl", "", "holds no trajectory"),
        ("other.jsonl", '{"kind": "song"}\n', "line 1: not a record of a trajectory"),
        ("page.jsonl", "<html>\n", "holds no trajectory"),
        ("bytes.jsonl", b"\xff\xfe\x00" * 20, "holds no trajectory"),
    ],
)
def test_files_that_are_no_records(codeact: Codeact, name: str, content: str | bytes | None, said: str) -> None:
    if content is not None:
        codeact.write(name, content)
    done = codeact("view", name)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["export", "x.jsonl", "--to", "markdown"], ["replay", "x.jsonl"]])
def test_other_commands_say_the_same_of_such_files(codeact: Codeact, command: list[str]) -> None:
    codeact.write("x.jsonl", "<html>\n")
    done = codeact(*command)
    assert done.returncode == 2
    assert "error: 'x.jsonl' holds no trajectory" in done.stderr


def test_escape_sequences_in_a_record_stay_inside(codeact: Codeact) -> None:
    code = "```python\nprint('\\x1b]0;owned\\x07')\n```"
    codeact("run", "Print.\x1b[2J", "-m", codeact.script(code, "A \x1b[2J."), "--out", "out")
    assert "\x1b" not in codeact("view", "out").stdout
