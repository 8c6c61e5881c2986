"""An adapter does the same on both stacks: what peft computes while it trains, and what llama.cpp serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from codeact.errors import UsageError, WeightsError
from codeact.models.adapter import read_adapter
from codeact.models.fingerprint import fingerprint
from codeact.models.local import LocalModel, open_local
from codeact.training.gguf_adapter import read_gguf_adapter, write_gguf_adapter

from .comparing import agreement, log_probabilities, served
from .llama_cpp import Llama

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.model,
    # peft 0.21 asks transformers 5.23 by an old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

Base = tuple[PreTrainedModel, PreTrainedTokenizerFast]

EVERY_LAYER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TALK = [
    {"role": "user", "content": "Which of these numbers is prime: 21, 23, 25? Use Python."},
    {
        "role": "assistant",
        "content": "I test each.\n\n```python\n[n for n in (21, 23, 25) if all(n % d for d in (2, 3, 5))]\n```",
    },
]


@contextmanager
def random_lora(base: PreTrainedModel, *, strength: float = 0.06, **settings: Any) -> Iterator[PeftModel]:
    """Both halves are random, so that every layer is changed; the base is as before afterwards."""
    config = LoraConfig(
        **{"r": 8, "lora_alpha": 16, "target_modules": EVERY_LAYER, "task_type": "CAUSAL_LM", **settings}
    )
    model = cast("PeftModel", get_peft_model(base, config))
    torch.manual_seed(7)
    try:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_" in name:
                    parameter.normal_(0, strength)
        yield model
    finally:
        cast("Any", model).unload()


async def test_the_adapted_model_is_the_same_on_both_stacks(base: Base, base_file: Path, tmp_path: Path) -> None:
    """The figures of a run are in docs/training.md."""
    model, tokenizer = base
    tokens = tokenizer.apply_chat_template(TALK, return_dict=False)
    plain = log_probabilities(model, tokens)
    adapter = tmp_path / "adapter.gguf"
    with random_lora(model) as lora:
        adapted = log_probabilities(lora, tokens)
        write_gguf_adapter(lora, adapter, base=base_file, provenance={"seed": "7"})
    assert torch.equal(log_probabilities(model, tokens), plain)
    async with open_local(str(base_file), context=512, threads=1, adapter=adapter) as opened:
        llama = Llama(cast("LocalModel", opened))
        found = await served(llama, tokens, range(10, len(tokens), 4))
        assert opened.name == f"local:{base_file}+{tmp_path.name}@{fingerprint(adapter)[:12]}"
    with_adapter, with_base = agreement(adapted, found), agreement(plain, found)
    assert with_adapter.same_top >= 0.8  # near ties fall either way
    assert with_adapter.of_top < 0.1
    assert with_adapter.of_all < 0.3
    assert with_base.of_all > 1


def test_a_written_adapter_is_read_back(base: Base, base_file: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.gguf"
    with random_lora(base[0], use_rslora=True, rank_pattern={"q_proj": 4}, r=16) as lora:
        written = {name: tensor.clone() for name, tensor in get_peft_model_state_dict(lora).items()}
        lora.save_pretrained(str(tmp_path / "saved"))
        write_gguf_adapter(lora, adapter, base=base_file, provenance={"seed": "7"})
    again = tmp_path / "again.gguf"
    write_gguf_adapter(tmp_path / "saved", again, base=base_file, provenance={"seed": "7"})
    assert again.read_bytes() == adapter.read_bytes()
    assert not list(tmp_path.glob("*.partial"))
    info = read_adapter(adapter)
    assert info.base_sha256 == fingerprint(base_file)
    assert (info.base_name, info.architecture, info.provenance) == (base_file.name, "llama", {"seed": "7"})
    read = read_gguf_adapter(adapter, base=base_file)
    assert read.keys() == written.keys()
    for name, tensor in written.items():
        rank = min(tensor.shape)
        scale = rank**0.5 if "lora_B" in name else 1  # llama.cpp knows only the plain kind
        torch.testing.assert_close(read[name], tensor * scale, rtol=1e-3, atol=1e-6)


def test_what_llama_cpp_cannot_add_is_refused(base: Base, base_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "adapter.gguf"
    for settings, words in [
        ({"use_dora": True}, r"only plain LoRAs of linear layers; this one also has .*lora_magnitude_vector"),
        ({"alpha_pattern": {"q_proj": 4}}, "with an alpha for each module"),
        ({"strength": 1e30}, "numbers that are not finite: its training has failed"),
    ]:
        lora_of = random_lora(base[0], target_modules=["q_proj"], **settings)
        with lora_of as lora, pytest.raises(UsageError, match=words):
            write_gguf_adapter(lora, path, base=base_file)
    with pytest.raises(UsageError, match=r"is not the folder of a LoRA that peft saved: it has no adapter_config.json"):
        write_gguf_adapter(tmp_path, path, base=base_file)
    assert not list(tmp_path.iterdir())


async def test_an_adapter_of_another_base_is_refused(base: Base, base_file: Path, tmp_path: Path) -> None:
    adapter, other = tmp_path / "adapter.gguf", tmp_path / "other.gguf"
    data = base_file.read_bytes()  # noqa: ASYNC240  # once
    with random_lora(base[0], target_modules=["q_proj"]) as lora:
        write_gguf_adapter(lora, adapter, base=base_file)
    other.write_bytes(data.replace(b"Smollm2 135M", b"Smollm2 136M"))
    for path, wrong, words in [
        (
            other,
            adapter,
            r"trained on SmolLM2-135M-Instruct.Q4_1.gguf \(sha256 b179c9523d0e…\), and other.gguf is another",
        ),
        (base_file, tmp_path / "none.gguf", "cannot read the model file '.*none.gguf': No such file"),
        (base_file, other, "is not a LoRA adapter but a GGUF file of the type 'model'"),
    ]:
        with pytest.raises(WeightsError, match=words):
            async with open_local(str(path), adapter=wrong):
                pass
