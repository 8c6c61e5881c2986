"""What fits and what does not, and sequences side by side."""

from __future__ import annotations

from collections.abc import Sequence as Many
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from codeact.errors import UsageError
from codeact.training.chat import Chat
from codeact.training.packing import Collate, Pack, pack
from codeact.training.rows import Row, RowMessage
from codeact.training.sequences import IGNORED, Sequence, encode_rows

ASK, ACT = RowMessage("user", "1+1?"), RowMessage("assistant", "```python\n1+1\n```")
SEEN, ANSWER = RowMessage("user", "Output:\n2"), RowMessage("assistant", "Two.")
ROW = Row("a", (ASK, ACT, SEEN, ANSWER))


def lengths(chat: Chat) -> list[int]:
    """Of the row up to its first reply, and of all of it."""
    found: list[int] = []
    for messages in (ROW.messages[:2], ROW.messages):
        (sequence,), _ = encode_rows([Row("a", messages)], chat, length=10_000, too_long="cut")
        found.append(len(sequence))
    return found


def test_a_row_above_the_limit_loses_whole_turns(chat: Chat) -> None:
    first, whole = lengths(chat)
    for limit, expected in ((whole, whole), (whole - 1, first), (first, first)):
        (sequence,), counts = encode_rows([ROW], chat, length=limit, too_long="cut")
        assert len(sequence) == expected
        assert sequence.trained[-1]  # it ends with the end of a reply
        assert (counts.cut, counts.turns_cut, counts.longest) == (expected < whole, expected < whole, whole)


def test_a_row_whose_first_reply_does_not_fit_is_dropped(chat: Chat) -> None:
    first, _ = lengths(chat)
    short = Row("b", (RowMessage("user", "?"), RowMessage("assistant", "!")))
    (kept,), counts = encode_rows([ROW, short], chat, length=first - 1, too_long="cut")
    assert (kept.row, counts.rows, counts.dropped, counts.cut) == ("b", 2, 1, 0)
    assert (counts.tokens, counts.trained) == (len(kept), 2)


def test_rows_above_the_limit_can_be_dropped_whole(chat: Chat) -> None:
    _, whole = lengths(chat)
    with pytest.raises(
        UsageError, match=f"none of 1 rows fits in --length {whole - 1}; the longest has {whole} tokens"
    ):
        encode_rows([ROW], chat, length=whole - 1, too_long="drop")


def made(*sizes: int) -> list[Sequence]:
    numbers = np.random.default_rng(0)
    return [
        Sequence(str(size), numbers.integers(0, 99, size).astype(np.int32), np.arange(size) % 3 > 0) for size in sizes
    ]


def test_packs_hold_everything_once_and_leave_little_room() -> None:
    packs = pack(made(5, 3, 9, 2, 1, 6, 4), length=10)
    assert [[len(each) for each in found.sequences] for found in packs] == [[9, 1], [6, 4], [5, 3, 2]]


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=99, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
    )
    config._attn_implementation = request.param
    return LlamaForCausalLM(config).eval()


def logits(model: Any, packs: Many[Pack]) -> torch.Tensor:
    inputs = Collate(padding=0)(packs)
    with torch.no_grad():
        return model(input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], use_cache=False).logits


def test_in_a_pack_a_sequence_sees_only_itself(model: Any) -> None:
    """The logits are those of the sequence alone, also beside a longer pack, which makes this one end in padding."""
    sequences = made(7, 5, 11)
    together = logits(model, [Pack(tuple(sequences)), Pack((made(30)[0],))])[0]
    start = 0
    for sequence in sequences:
        alone = logits(model, [Pack((sequence,))])[0]
        torch.testing.assert_close(together[start : start + len(sequence)], alone, atol=1e-5, rtol=1e-4)
        start += len(sequence)


def test_no_sequence_is_predicted_from_the_one_before() -> None:
    first, second = made(3, 4)
    second.trained[0] = True
    batch = Collate(padding=0)([Pack((first, second)), Pack((first,))])
    assert batch["labels"][0, 3] == IGNORED
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 2, 3], [0, 1, 2, 0, 0, 0, 0]]
    assert batch["labels"][1, 3:].tolist() == [IGNORED] * 4
