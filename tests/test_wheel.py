"""The built wheel works outside the checkout, in an environment that has nothing else."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def sh(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(600)
def test_the_wheel_runs_in_a_bare_environment(tmp_path: Path) -> None:
    sh(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests", "examples", "docs"))]
    sh(sys.executable, "-m", "venv", "bare", cwd=tmp_path)
    python = tmp_path / "bare" / "bin" / "python"
    sh(python, "-m", "pip", "install", "--quiet", wheel, "--constraint", ROOT / "constraints.txt", cwd=tmp_path)
    command = tmp_path / "bare" / "bin" / "codeact"
    assert "0." in sh(command, "--version", cwd=tmp_path)
    script = tmp_path / "replies.json"
    look = "import importlib.util; print(6 * 7, 'codeact is', importlib.util.find_spec('codeact.tasks.m3tooleval'))"
    script.write_text(json.dumps([f"```python\n{look}\n```", "It is 42."]))
    output = sh(command, "run", "What is 6 * 7?", "--model", f"scripted:{script}", cwd=tmp_path)
    assert "It is 42." in output
    assert "No module named 'codeact" in output  # the tasks' answers are in the package, and not in the box
    assert "codeact/tasks/m3tooleval/README.md" in names
