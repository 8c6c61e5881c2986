"""lm-eval against the embedded model, by its script. Its packages are too many for every run of the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts/run_lm_eval.py"
INSTALLED = find_spec("lm_eval") is not None


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.skipif(INSTALLED, reason="lm-eval is installed")
def test_without_lm_eval_it_says_what_to_install() -> None:
    done = run("--model", "smollm2-135m")
    assert (done.returncode, done.stderr) == (
        2,
        "lm-eval is not installed; remedy: pip install 'codeact[lm-eval]'\n",
    )


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.skipif(not INSTALLED, reason="needs lm-eval: pip install 'codeact[lm-eval]'")
def test_gsm8k_from_a_file_is_asked_and_scored(smollm2: str, tmp_path: Path) -> None:
    rows = [{"question": f"What is {n} + {n}?", "answer": f"It is {2 * n}.\n#### {2 * n}"} for n in range(10)]
    (tmp_path / "gsm8k.jsonl").write_text("\n".join(map(json.dumps, rows)))
    few = ["--limit", "1", "--num_fewshot", "1", "--gen_kwargs", "max_gen_toks=16"]
    done = run("--model", smollm2, "--gsm8k", str(tmp_path / "gsm8k.jsonl"), "--", *few)
    assert done.returncode == 0, done.stderr
    assert "gsm8k_file" in done.stdout
    assert "flexible-extract" in done.stdout
