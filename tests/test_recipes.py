"""The recipes, in their smallest form: real episodes, a real training, a real model with its adapter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from peft import PeftModel
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from codeact.models.store import Store
from codeact.tasks import suite
from codeact.training.base_model import load_base

RECIPES = Path(__file__).parents[1] / "recipes"


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
def test_the_smallest_recipe_goes_the_whole_road(tmp_path: Path, smollm2: str, weights_store: Store) -> None:
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CODEACT_HOME": str(weights_store.root.parent),
        "MODEL": smollm2,
        "ENVS": "tables",
        "TASKS": "3",
        "EPOCHS": "1",
        "LENGTH": "1024",
        "HELD_OUT": "1",
        "REPLY": "32",
        "OUT": "out",
    }
    done = subprocess.run([RECIPES / "smallest.sh"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out/rows.jsonl").read_text().splitlines()]
    assert [row["domain"] for row in rows] == ["tables"] * 3
    trained = load_file(tmp_path / "out/adapter/adapter_model.safetensors")
    assert any(tensor.any() for name, tensor in trained.items() if "lora_B" in name)
    assert (tmp_path / "out/adapter/adapter.gguf").stat().st_size > 1_000_000
    results = [path.read_text().splitlines() for path in sorted((tmp_path / "out/bench").glob("*.jsonl"))]
    assert [len(lines) for lines in results] == [2, 2]  # the job and its episode, of the base and of the adapted model
    assert len({json.loads(lines[0])["model"] for lines in results}) == 2
    text = ["LICENSE", "--tokens", "400", "--window", "100"]
    adapted = ["--base", smollm2, "--adapter", str(tmp_path / "out/adapter")]
    read = subprocess.run(
        [sys.executable, RECIPES / "perplexity.py", *text, *adapted],
        cwd=RECIPES.parent, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert read.returncode == 0, read.stderr
    assert re.fullmatch(r"base: perplexity .* 4 windows\nadapted: .* 4 windows\ndifference: [+-]0.*\n", read.stdout)
    written = subprocess.run(
        [sys.executable, RECIPES / "for_vllm.py", *adapted, "served"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert written.returncode == 0, written.stderr
    (tmp_path / "questions.txt").write_text("Hello!\nWhat is the capital of Norway?\n")
    asked = subprocess.run(
        [sys.executable, RECIPES / "own_answers.py", f"local:{smollm2}", "--out", "talk.jsonl",
         "--questions", "questions.txt", "--tokens", "120"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    talks = [json.loads(line) for line in (tmp_path / "talk.jsonl").read_text().splitlines()]
    assert talks
    for talk in talks:
        assert [message["role"] for message in talk["messages"]][-2:] == ["user", "assistant"]
        assert talk["messages"][-1]["content"]
    shipped = subprocess.run(
        [sys.executable, RECIPES / "ship.py", tmp_path / "out/adapter", "codeact-tiny", "--base", smollm2,
         "--description", "acts a little", "--into", tmp_path / "adapters"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert shipped.returncode == 0, shipped.stderr
    [model] = Store(weights_store.root, adapters=tmp_path / "adapters").adapted().values()
    assert (model.name, model.licence, model.base.name) == ("codeact-tiny", "Apache-2.0", smollm2)
    assert model.description == f"acts a little; on {smollm2}"
    assert same_words(tmp_path / "served", weights_store.path(smollm2), tmp_path / "out/adapter")


def same_words(served: Path, base: Path, adapter: Path) -> bool:
    """Whether the folder that others read says what base and adapter say."""
    loading: Any = AutoModelForCausalLM
    theirs = loading.from_pretrained(served, dtype=torch.float32)
    base_model, tokenizer = cast("tuple[Any, Any]", load_base(base))
    ours = cast("Any", PeftModel).from_pretrained(base_model, str(adapter))
    text = "The capital of France is"
    words: list[int] = tokenizer(text)["input_ids"]
    assert cast("Any", AutoTokenizer).from_pretrained(served)(text)["input_ids"] == words
    with torch.inference_mode():
        said = [one.eval()(torch.tensor([words])).logits.log_softmax(-1) for one in (ours, theirs)]
    return bool((said[0] - said[1]).abs().mean() < 0.1)  # bfloat16 has three digits


def test_the_defaults_are_there_to_be_had() -> None:
    text = (RECIPES / "smallest.sh").read_text()
    envs, count = (re.search(rf"^{name}=\${{{name}:-(.*?)}}", text, re.MULTILINE) for name in ("ENVS", "TASKS"))
    assert envs is not None
    assert count is not None
    for name in envs[1].split():
        assert len(suite(name).tasks()) >= int(count[1]), name
