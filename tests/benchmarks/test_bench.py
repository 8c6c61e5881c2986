"""That the benches run, not what they measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_bench_runs_and_writes_its_page(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--plan", "tiny", "--json", str(tmp_path / "figures.json")]
    command += ["--write", str(tmp_path / "page.md")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert {"codeact local", "bare exec"} <= {figure["subject"] for figure in figures}
    assert all(figure["median"] > 0 for figure in figures if figure["unit"] == "ms")
    page = (tmp_path / "page.md").read_text()
    assert "| later action |" in page
    assert "3 idle sessions" in page
    assert (tmp_path / "page.svg").read_text().startswith("<?xml")
    assert "(page.svg)" in page


def test_the_load_test_runs_and_meets_no_errors(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.load", "--quick", "--chats", "2", "--turns", "1"]
    command += ["--json", str(tmp_path / "found.json")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["errors"] == {}
    assert found["awake"] == 2
    assert {(each["where"], each["chats"]) for each in found["turns"]} >= {("served", 2), ("in process", 2)}
    assert "- errors: none" in done.stdout
