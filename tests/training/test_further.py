"""An adapter trained further: it begins where it ended, and what it is compared with by pairs is what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from codeact.errors import UsageError
from codeact.models.adapter import read_adapter
from codeact.training import Trained, train
from codeact.training.progress import Progress, Stepped

# peft 0.21 asks transformers 5.23 by an old name
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

OPTIONS: dict[str, Any] = {"length": 256, "batch": 2, "rate": 2e-3, "save_every": 2}


def written(path: Path, form: str) -> Path:
    """Six sums, as rows of `messages` or as pairs."""
    with path.open("w") as file:
        for number in range(6):
            asked = [{"role": "user", "content": f"What is {number} + 2?"}]
            said = [{"role": "assistant", "content": f"```python\nprint({number} + 2)\n```"}]
            given_up = [{"role": "assistant", "content": "I cannot run Python."}]
            rows = {"messages": asked + said}
            pairs = {"prompt": asked, "chosen": said, "rejected": given_up}
            file.write(json.dumps(rows if form == "rows" else pairs) + "\n")
    return path


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("rows") / "rows.jsonl", "rows")


@pytest.fixture(scope="module")
def pairs(rows: Path) -> Path:
    return written(rows.with_name("pairs.jsonl"), "pairs")


@pytest.fixture(scope="module")
def first(tiny_smollm2: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, list[float]]:
    return trained(tiny_smollm2, rows, tmp_path_factory.mktemp("first") / "out", rank=4, epochs=4)


def trained(base: Path, data: Path, out: Path, **options: Any) -> tuple[Trained, list[float]]:
    """A training, and its losses."""
    said: list[Progress] = []
    done = train(base, data, out, report=said.append, **{**OPTIONS, **options})
    return done, [progress.loss for progress in said if isinstance(progress, Stepped)]


def test_it_begins_where_the_earlier_training_ended(
    tiny_smollm2: Path, rows: Path, first: tuple[Trained, list[float]], tmp_path: Path
) -> None:
    earlier, losses = first
    further, more = trained(tiny_smollm2, rows, tmp_path / "further", adapter=earlier.folder, epochs=2)
    assert more[0] < (losses[0] + losses[-1]) / 2
    assert more[-1] < losses[-1]
    assert {path.name for path in further.folder.iterdir()} == {path.name for path in earlier.folder.iterdir()}
    report = json.loads((further.folder / "training.json").read_text())
    assert report["settings"]["rank"] == 4
    assert report["adapter"]["name"] == earlier.folder.name
    said = read_adapter(further.folder / "adapter.gguf").provenance
    assert said["begun_with_sha256"] == report["adapter"]["sha256"]


def test_it_is_resumed_to_the_same_end(
    tiny_smollm2: Path, rows: Path, first: tuple[Trained, list[float]], tmp_path: Path
) -> None:
    options = {"adapter": first[0].folder, "epochs": 2}
    whole, _ = trained(tiny_smollm2, rows, tmp_path / "whole", **options)
    halted, _ = trained(tiny_smollm2, rows, tmp_path / "halted", stop=lambda: True, **options)
    assert halted.stopped
    with pytest.raises(UsageError, match="adapter"):
        trained(tiny_smollm2, rows, tmp_path / "halted", resume=True, rank=4, alpha=8, epochs=2)
    again, _ = trained(tiny_smollm2, rows, tmp_path / "halted", resume=True, **options)
    assert (again.folder / "adapter.gguf").read_bytes() == (whole.folder / "adapter.gguf").read_bytes()


def test_pairs_compare_it_with_what_it_was(
    tiny_smollm2: Path, pairs: Path, first: tuple[Trained, list[float]], tmp_path: Path
) -> None:
    preferring, losses = trained(
        tiny_smollm2, pairs, tmp_path / "preferring", adapter=first[0].folder, dpo=True, epochs=2
    )
    assert losses[0] == pytest.approx(0.6931, abs=1e-4)
    assert losses[-1] < 0.69
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (first[0].folder, preferring.folder))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert [path for path in preferring.folder.iterdir() if path.is_dir()] == []


def test_what_cannot_be_trained_further_is_refused(
    tiny_smollm2: Path, tiny_qwen: Path, rows: Path, first: tuple[Trained, list[float]], tmp_path: Path
) -> None:
    folder = first[0].folder
    for base, options, said in (
        (tiny_smollm2, {"rank": 8}, "has rank 4, and keeps it .* cannot be 8; remedy: leave it out"),
        (tiny_smollm2, {"full": True}, "all weights .* cannot be trained on top of the adapter"),
        (tiny_qwen, {}, "was trained on .* and .* is another"),
        (tiny_smollm2, {"adapter": tmp_path}, "has no adapter that could be trained further .* `codeact train` wrote"),
    ):
        with pytest.raises(UsageError, match=said):
            train(base, rows, tmp_path / "out", **{"adapter": folder, **OPTIONS, **options})
    assert not (tmp_path / "out").exists()
