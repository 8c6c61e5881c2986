"""Learning from pairs: the loss is the formula's, and what is preferred becomes likelier than what is rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from codeact.errors import UsageError
from codeact.training import train
from codeact.training.attention import NAME
from codeact.training.packing import Pack
from codeact.training.preference import collate_pairs, log_probabilities, margins
from codeact.training.progress import Planned, Progress, Stepped, Validated
from codeact.training.rows import read_pairs
from codeact.training.sequences import Sequence

# peft 0.21 asks transformers 5.23 by an old name
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

OPTIONS: dict[str, Any] = {
    "dpo": True,
    "length": 256,
    "batch": 2,
    "epochs": 2,
    "rank": 4,
    "rate": 2e-3,
    "save_every": 2,
}


def write_pairs(path: Path, count: int = 6) -> Path:
    """The same failed action, then mended or given up."""
    with path.open("w") as file:
        for number in range(count):
            prompt = [
                {"role": "user", "content": f"What is {number} + 2?"},
                {"role": "assistant", "content": f"```python\nprint({number} + to)\n```"},
                {"role": "user", "content": "NameError: name 'to' is not defined"},
            ]
            chosen = [{"role": "assistant", "content": f"A slip.\n\n```python\nprint({number} + 2)\n```"}]
            rejected = [{"role": "assistant", "content": "I cannot run Python."}]
            file.write(json.dumps({"prompt": prompt, "chosen": chosen, "rejected": rejected}) + "\n")
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.jsonl")


def drawn(count: int) -> list[Sequence]:
    """Pairs of sequences of random tokens, which begin alike, with a reply at their ends."""
    numbers, made = np.random.default_rng(0), list[Sequence]()
    for _ in range(count):
        beginning = numbers.integers(0, 99, 12)
        for size in numbers.integers(5, 9, 2):
            tokens = np.concatenate([beginning, numbers.integers(0, 99, size)]).astype(np.int32)
            made.append(Sequence("pair", "", tokens, np.arange(len(tokens)) > 13))
    return made


def alone(model: Any, sequence: Sequence) -> float:
    """The log-probability of what is trained of a sequence, from its definition."""
    tokens = torch.from_numpy(sequence.tokens.astype(np.int64))
    with torch.no_grad():
        logits = model(input_ids=tokens[None], use_cache=False).logits[0].log_softmax(-1)
    return sum(float(logits[place - 1, tokens[place]]) for place in sequence.trained.nonzero()[0])


def test_log_probabilities_are_those_of_each_way_alone() -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    plain = LlamaForCausalLM(LlamaConfig(vocab_size=99, num_attention_heads=4, **sizes))
    model: Any = get_peft_model(cast("Any", plain), LoraConfig(r=4, target_modules="all-linear"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, 0, 0.1)
    sequences = drawn(3)
    expected = [alone(model, sequence) for sequence in sequences]
    with model.disable_adapter():
        of_base = [alone(model, sequence) for sequence in sequences]
    plain.set_attn_implementation(NAME)
    batch = collate_pairs([Pack(tuple(sequences[place : place + 2])) for place in (0, 2, 4)])
    assert batch["input_ids"].shape[1] < sum(map(len, sequences))
    found = log_probabilities(model, batch)
    with model.disable_adapter():
        base = log_probabilities(model, batch)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(base, torch.tensor(of_base), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found, base, atol=0.1)


def test_the_margin_is_what_the_chosen_way_has_gained_on_the_other() -> None:
    trained, base = torch.tensor([-3.0, -5.0, -1.0, -1.0]), torch.tensor([-4.0, -4.0, -1.0, -2.0])
    assert margins(trained, base, beta=0.5).tolist() == [1.0, -0.5]


def test_a_training_on_pairs_is_resumed_and_leaves_an_adapter(tiny_smollm2: Path, pairs: Path, tmp_path: Path) -> None:
    said: list[Progress] = []
    whole = train(tiny_smollm2, pairs, tmp_path / "whole", validation=[pairs], report=said.append, **OPTIONS)
    plan, first = said[0], said[1]
    assert isinstance(plan, Planned)
    assert (plan.counts["data"].rows, plan.counts["data"].sequences, plan.steps) == (6, 12, 6)
    assert plan.shared > 6 * 20
    assert isinstance(first, Stepped)
    assert (first.margin, first.loss) == (0.0, pytest.approx(0.6931, abs=1e-4))  # the adapter begins as nothing
    last = [progress for progress in said if isinstance(progress, Validated)][-1]
    assert last.margin is not None
    assert last.margin > 0
    assert last.loss < 0.69
    report = json.loads((whole.folder / "training.json").read_text())
    assert len(report["margins"]) == 6
    assert (whole.folder / "adapter.gguf").exists()

    def stop() -> bool:
        return True

    halted = train(tiny_smollm2, pairs, tmp_path / "halted", validation=[pairs], stop=stop, **OPTIONS)
    assert halted.stopped
    again = train(tiny_smollm2, pairs, tmp_path / "halted", validation=[pairs], resume=True, **OPTIONS)
    assert again.validation == whole.validation
    assert (again.folder / "adapter.gguf").read_bytes() == (whole.folder / "adapter.gguf").read_bytes()


@pytest.mark.model
def test_the_smallest_real_model_learns_to_prefer(base_file: Path, tmp_path: Path) -> None:
    said: list[Progress] = []
    few = write_pairs(tmp_path / "pairs.jsonl", 2)
    train(base_file, few, tmp_path / "out", report=said.append, **{**OPTIONS, "epochs": 3, "rate": 1e-3})
    found = [progress.margin for progress in said if isinstance(progress, Stepped)]
    assert found[0] == 0.0
    assert found == sorted(found, key=lambda margin: margin or 0.0)
    assert (found[-1] or 0.0) > 0.1


def test_what_is_no_pair_is_refused(tiny_smollm2: Path, pairs: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}\n')
    with pytest.raises(UsageError, match="line 1: a pair has `prompt`, `chosen` and `rejected`"):
        read_pairs(rows)
    with pytest.raises(UsageError, match=r"this one has chosen, prompt, rejected"):
        train(tiny_smollm2, pairs, tmp_path / "out")
    with pytest.raises(UsageError, match="none of 6 pairs fits in --length 20"):
        train(tiny_smollm2, pairs, tmp_path / "out", **{**OPTIONS, "length": 20})
    with pytest.raises(UsageError, match="general conversations cannot be mixed in with dpo"):
        train(tiny_smollm2, pairs, tmp_path / "out", general=[rows], **OPTIONS)
    with pytest.raises(UsageError, match="dpo trains an adapter"):
        train(tiny_smollm2, pairs, tmp_path / "out", full=True, dpo=True)
    assert not (tmp_path / "out").exists()
