"""Several processes train one adapter, as they would on a GPU each: here on the processor, by gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .test_train import write_rows

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(1800)]

LAUNCH = "-m accelerate.commands.launch --cpu --num_machines 1 --mixed_precision no --num_processes"
TRAIN = "-m codeact train --no-pack --length 256 --batch 4 --epochs 1 --rank 4 --rate 2e-3 --precision float32 --json"


def launched(processes: int, base: Path, rows: Path, out: Path) -> list[dict[str, Any]]:
    """What the training says, started as a user would."""
    files = ["--base", str(base), "--data", str(rows), "--validation", str(rows), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, *LAUNCH.split(), str(processes), *TRAIN.split(), *files],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_two_processes_learn_what_one_learns(base_file: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", count=8)
    one, two = (launched(count, base_file, rows, tmp_path / str(count)) for count in (1, 2))
    found = [[line["loss"] for line in said if line["kind"] == "stepped"] for said in (one, two)]
    assert len(found[0]) == 2
    assert found[1] == pytest.approx(found[0], rel=1e-3)
    assert [line["kind"] for line in two].count("planned") == 1, "one of them speaks"
    assert two[-1]["validation"] == pytest.approx(one[-1]["validation"], rel=1e-3)
    assert (tmp_path / "2" / "adapter.gguf").stat().st_size == (tmp_path / "1" / "adapter.gguf").stat().st_size
