"""`make demo`, for real: the embedded model fits a regression to data with gaps, and has to get over its own errors."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from codeact import load_trajectory

ROOT = Path(__file__).parents[1]
DATA = ROOT / "examples" / "data" / "ice_cream.csv"


def expected() -> tuple[float, float]:
    """Slope and RMSE, computed here; the rows with gaps left out."""
    table = pd.read_csv(DATA).dropna()
    x, y = table[["temperature_c"]], table["sales_usd"]
    model = LinearRegression().fit(x, y)
    return float(model.coef_[0]), float(np.sqrt(np.mean((y - model.predict(x)) ** 2)))


@pytest.mark.model
@pytest.mark.timeout(900)
def test_the_demo_answers_correctly_after_an_error(tmp_path: Path, qwen: str) -> None:
    command = ["make", "--no-print-directory", "demo", f"OUT=--out {tmp_path / 'demo'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=850, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    trajectory = load_trajectory(tmp_path / "demo" / "trajectory.jsonl")
    assert trajectory.outcome is not None
    assert trajectory.outcome.answer is not None
    numbers = [float(text) for text in re.findall(r"\d+\.\d+", trajectory.outcome.answer.text)]
    for value in expected():
        assert any(abs(number - value) < 0.05 for number in numbers), done.stdout
    assert (tmp_path / "demo" / "fit.png").read_bytes().startswith(b"\x89PNG")
    observations = [step.observation for step in trajectory.steps if step.observation]
    assert any(observation.is_error for observation in observations), "the gaps in the data were no obstacle"
