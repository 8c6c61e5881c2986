"""The forms for people: Markdown and notebooks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from hypothesis import given

from codeact.errors import SetupError
from codeact.trajectory import to_markdown, to_notebook
from codeact.trajectory.notebook import notebook
from codeact.types import CodeAction, Display, ExecResult, Outcome, Reply, Trajectory

from .example import PICTURE, code_run, json_run, step
from .strategies import quick, trajectories

GOLDEN = Path(__file__).parent / "golden"
RUNS = pytest.mark.parametrize("run", [code_run(), json_run()], ids=["code", "json"])


@RUNS
def test_markdown(run: Trajectory) -> None:
    assert to_markdown(run) == (GOLDEN / f"{run.id}.md.txt").read_text()


@RUNS
def test_notebook(run: Trajectory, tmp_path: Path) -> None:
    path = tmp_path / "run.ipynb"
    to_notebook(run, path)
    assert path.read_text() == (GOLDEN / f"{run.id}.ipynb.json").read_text()


@RUNS
def test_notebooks_are_valid(run: Trajectory, tmp_path: Path) -> None:
    to_notebook(run, tmp_path / "run.ipynb")
    nbformat.validate(nbformat.read(tmp_path / "run.ipynb", as_version=4))


@quick
@given(trajectories)
def test_every_notebook_is_valid(tmp_path_factory: pytest.TempPathFactory, run: Trajectory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    to_notebook(run, path)
    nbformat.validate(nbformat.read(path, as_version=4))


def test_code_cells_hold_what_running_them_gave() -> None:
    cells = [cell for cell in notebook(code_run())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [2, 3]
    assert [output["output_type"] for output in cells[0]["outputs"]] == ["stream", "error"]
    assert [output["output_type"] for output in cells[1]["outputs"]] == [
        "stream",
        "stream",
        "display_data",
        "display_data",
        "execute_result",
    ]
    assert cells[1]["outputs"][3]["data"]["application/json"] == {"a": [1, 2]}


def test_fences_are_longer_than_any_fence_inside() -> None:
    run = code_run()
    assert "````python\nplot(rates)\n'```'\n````" in to_markdown(run)


def test_a_run_that_was_cut_off() -> None:
    run = replace(code_run(), outcome=None)
    assert to_markdown(run).endswith("## End\n\nThe record ends here: the run was cut off.\n")
    assert "cut off" in notebook(run)["cells"][-1]["source"]


def test_the_output_of_the_last_action_is_shown_though_no_model_has_seen_it() -> None:
    last = step(1, "```python\nx\n```", Reply(action=CodeAction("x")), ExecResult(stdout="the very end\n"))
    run = replace(json_run(), steps=(last,), outcome=Outcome(status="time_limit", message="60 s used"))
    assert "the very end" in to_markdown(run)
    assert "No answer: out of time (60 s used)." in to_markdown(run)


def test_a_picture_without_a_file_is_inside_the_page() -> None:
    shown = ExecResult(displays=(Display(data={"image/png": PICTURE}),))
    run = replace(json_run(), steps=(step(1, "x", Reply(action=CodeAction("x")), shown),))
    assert "![picture](data:image/png;base64,iVBORw0K" in to_markdown(run)


def test_lone_surrogates_do_not_stop_a_notebook(tmp_path: Path) -> None:
    to_notebook(replace(code_run(), task="a\ud800b"), tmp_path / "x.ipynb")
    assert "a?b" in json.loads((tmp_path / "x.ipynb").read_bytes())["cells"][0]["source"]


def test_a_notebook_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot write the notebook .*: No such file or directory"):
        to_notebook(code_run(), tmp_path / "missing" / "x.ipynb")
