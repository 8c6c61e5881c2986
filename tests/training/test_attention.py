"""Rows that share their beginnings are computed once, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from codeact.training.attention import NAME, Branch, branches
from codeact.training.packing import Pack, collate, pack, side_by_side
from codeact.training.sequences import IGNORED, Sequence
from codeact.training.trainer import token_losses

# peft 0.21 asks transformers 5.23 by an old name
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

SIZES: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def sequence(*tokens: int, trained: int, kind: str = "") -> Sequence:
    """The last `trained` tokens are."""
    mask = np.arange(len(tokens)) >= len(tokens) - trained
    return Sequence("row", kind, np.array(tokens, dtype=np.int32), mask)


def alike(count: int, *, common: int, seed: int = 0) -> list[Sequence]:
    """Sequences that begin alike, with a reply in the middle and one at the end."""
    numbers = np.random.default_rng(seed)
    beginning = numbers.integers(0, 99, common)
    made: list[Sequence] = []
    for _ in range(count):
        tokens = np.concatenate([beginning, numbers.integers(0, 99, numbers.integers(12, 20))]).astype(np.int32)
        place = np.arange(len(tokens)) - common
        made.append(Sequence("row", "kind", tokens, ((place > 3) & (place < 7)) | (place > 9)))
    return made


def made(*sizes: int) -> list[Sequence]:
    numbers = np.random.default_rng(0)
    return [
        Sequence(str(size), "", numbers.integers(0, 99, size).astype(np.int32), np.arange(size) % 3 > 0)
        for size in sizes
    ]


def test_packs_hold_everything_once_and_leave_little_room() -> None:
    packs = pack(made(5, 3, 9, 2, 1, 6, 4), length=10)
    assert [[len(each) for each in found.sequences] for found in packs] == [[9, 1], [6, 4], [5, 3, 2]]


def test_positions_say_who_sees_whom() -> None:
    assert branches([0, 1, 2, 3, 4, 2, 3, 4, 0, 1]) == [Branch(5, ()), Branch(3, ((0, 2),)), Branch(2, ())]
    # the third goes on from the second, and through it from the first
    assert branches([0, 1, 2, 2, 3, 4, 4, 5]) == [Branch(3, ()), Branch(3, ((0, 2),)), Branch(2, ((0, 2), (1, 2)))]
    assert branches([0]) == [Branch(1, ())]


def test_what_is_trained_is_never_shared_nor_the_token_that_foretells_it() -> None:
    first, second = sequence(1, 2, 3, 4, 5, trained=2), sequence(1, 2, 3, 4, 6, trained=2)
    assert [shared for _, shared in side_by_side([first, second])] == [0, 2]
    context = sequence(1, 2, 3, 4, 7, 8, trained=1)  # the same tokens, not trained here
    assert [shared for _, shared in side_by_side([first, context])] == [0, 4]
    row = collate([Pack((first, context))])
    assert row["input_ids"].tolist() == [[1, 2, 3, 4, 5, 7, 8]]
    assert row["position_ids"].tolist() == [[0, 1, 2, 3, 4, 4, 5]]
    assert row["labels"].tolist() == [[IGNORED, IGNORED, IGNORED, 4, 5, IGNORED, 8]]


def test_a_pack_is_as_long_as_what_is_computed_of_it() -> None:
    rows = [sequence(*range(90), 100 + number, 1, 2, 3, trained=1, kind="much alike") for number in range(8)]
    rows += [sequence(*range(200, 240), number, trained=1, kind=str(number)) for number in range(3)]
    packs = pack(rows, length=110)
    assert sorted(id(each) for found in packs for each in found.sequences) == sorted(map(id, rows))
    assert [len(each) for each in packs] == [90 + 5 * 4, 90 + 3 * 4, 41 + 2, 41]
    assert sum(each.shared for each in packs) == sum(map(len, rows)) - sum(map(len, packs))
    for each in packs:
        assert collate([each])["input_ids"].shape == (1, len(each))


@pytest.fixture(params=["llama", "qwen2"])
def tiny(request: pytest.FixtureRequest) -> PreTrainedModel:
    torch.manual_seed(0)
    if request.param == "llama":
        return LlamaForCausalLM(LlamaConfig(**SIZES))
    return Qwen2ForCausalLM(Qwen2Config(**SIZES))


@pytest.fixture
def smallest(base: tuple[PreTrainedModel, PreTrainedTokenizerFast]) -> Iterator[Any]:
    """The real model with an adapter, as it is trained."""
    lora = cast("Any", get_peft_model(cast("Any", base[0]), LoraConfig(r=4, target_modules="all-linear")))
    torch.manual_seed(7)
    for name, weight in lora.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, 0, 0.05)
    yield lora
    lora.unload()
    base[0].set_attn_implementation("sdpa")


def check(model: Any, rows: list[Sequence], *, off: float) -> None:
    """Side by side in one row, each sequence has the logits, the loss and the gradient that it has alone, in
    transformers' own attention.
    """
    model.set_attn_implementation("sdpa")
    alone = [logits_of(model, [row])[0] for row in rows]
    loss, gradient = trained(model, [[row] for row in rows])
    model.set_attn_implementation(NAME)
    start = 0
    found = logits_of(model, rows)[0]
    for sequence, shared in side_by_side(rows):
        expected = next(each for row, each in zip(rows, alone, strict=True) if row is sequence)[shared:]
        torch.testing.assert_close(found[start : start + len(expected)], expected, atol=off, rtol=off)
        start += len(expected)
    together, its_gradient = trained(model, [rows])
    torch.testing.assert_close(together, loss, atol=off, rtol=off)
    assert (its_gradient - gradient).norm() <= off * gradient.norm()


def logits_of(model: Any, rows: list[Sequence]) -> torch.Tensor:
    inputs = collate([Pack(tuple(rows))])
    row = branches(inputs["position_ids"][0].tolist())
    with torch.no_grad():
        return model(
            input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], row=row, use_cache=False
        ).logits


def trained(model: Any, batches: list[list[Sequence]]) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss summed over trained tokens, and the gradient."""
    model.zero_grad()
    total = torch.zeros(())
    for rows in batches:
        loss = token_losses(model, collate([Pack(tuple(rows))]))[0].sum()
        loss.backward()
        total += loss.detach()
    return total, torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_in_a_pack_a_sequence_is_what_it_is_alone(tiny: PreTrainedModel, checkpointing: bool) -> None:
    if checkpointing:
        tiny.activation_checkpointing_enable({"use_reentrant": False})
    rows = [*alike(4, common=30), *alike(2, common=5, seed=1), *alike(1, common=0, seed=2)]
    assert Pack(tuple(rows)).shared > 3 * 25
    check(tiny, rows, off=1e-4)


@pytest.mark.model
def test_so_it_is_in_the_smallest_real_model(smallest: Any) -> None:
    check(smallest, alike(3, common=20), off=1e-3)
