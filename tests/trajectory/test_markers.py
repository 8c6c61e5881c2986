"""What looks like a chat template's structure is none any more; everything else stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.trajectory.markers import defused

TOKENS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|channel|>",
    "<｜User｜>",
    "<｜end▁of▁sentence｜>",
    "<s>",
    "</s>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "[TOOL_RESULTS]",
    "<<SYS>>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_response>",
]


@pytest.mark.parametrize("token", [*TOKENS, "<|IM_END|>", "[/inst]"])
def test_a_token_is_readable_and_none(token: str) -> None:
    assert defused(f"a {token} b") == f"a {token[0]}\\{token[1:]} b"


def test_our_own_heading_is_one_only_where_we_write_it() -> None:
    assert defused("x\nObservation:\n7") == "x\nO\\bservation:\n7"
    assert defused("Observation: 3 rows") == "Observation: 3 rows"


@pytest.mark.parametrize(
    "text", ["a < b | c > d", "x[0]", "<table>", "[INSTALL]", "if a <b: pass", "List[int] | None", "<class 's'>"]
)
def test_ordinary_text_stays(text: str) -> None:
    assert defused(text) == text


@given(st.lists(st.sampled_from([*TOKENS, "<", "|", ">", "\\", "[", "\n", "Observation:", "x"])))
def test_nothing_is_left_and_nothing_is_lost(parts: list[str]) -> None:
    text = "".join(parts)
    once = defused(text)
    assert defused(once) == once
    assert once.replace("\\", "") == text.replace("\\", "")
