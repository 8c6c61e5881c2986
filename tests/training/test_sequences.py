"""What fits and what does not."""

from __future__ import annotations

import pytest

from codeact.errors import UsageError
from codeact.training.chat import Chat
from codeact.training.rows import Row, RowMessage
from codeact.training.sequences import encode_rows

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
