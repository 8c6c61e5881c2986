"""Files of rows: the formats that are read, and what is said of files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.training.rows import RowMessage, read_rows

TALK = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
OURS = (RowMessage("user", "1+1?"), RowMessage("assistant", "2"))


def written(folder: Path, *lines: object) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "messages": TALK, "turns": 1, "success": True},
        {"id": "a", "conversations": TALK},  # the paper's
        {"id": "a", "conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]},  # ShareGPT's
    ],
)
def test_rows_of_three_formats(tmp_path: Path, row: dict[str, object]) -> None:
    (read,) = read_rows(written(tmp_path, row))
    assert (read.id, read.messages) == ("a", OURS)


def test_a_row_without_an_id_is_named_by_its_line(tmp_path: Path) -> None:
    assert [row.id for row in read_rows(written(tmp_path, {"messages": TALK}, "", {"messages": TALK}))] == [
        "line 1",
        "line 3",
    ]


def test_a_line_separator_inside_a_message_is_no_end_of_a_line(tmp_path: Path) -> None:
    talk = [TALK[0], {"role": "assistant", "content": "a\u2028b"}]
    (row,) = read_rows(written(tmp_path, json.dumps({"messages": talk}, ensure_ascii=False)))
    assert row.messages[1].content == "a\u2028b"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"messages": [{"role": "us'], "line 1: this is no JSON .*cut short"),
        ([{"messages": TALK}, "[1]"], "line 2: a row is an object"),
        ([{"question": "?", "answer": "!"}], "`messages`.*this one has answer, question"),
        ([{"job": {"suite": "m3gen"}}], "results file of episodes; `codeact instruct select`"),
        ([{"state": {}, "task": {}}], "MINT's outputs"),
        ([{"messages": [{"role": "user"}]}], "message 1 should have `role` and `content`"),
        ([{"messages": [{"role": "tool", "content": "x"}, *TALK]}], "message 1 has the role 'tool'"),
        ([{"messages": TALK[:1]}], "no message of the assistant"),
        ([{"messages": [TALK[0], {**TALK[1], "is_copied_context": True}]}], "no message of the assistant"),
        ([""], "has no rows"),
    ],
)
def test_what_is_no_row_is_said_with_its_line(tmp_path: Path, lines: list[object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_rows(written(tmp_path, *lines))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the rows"):
        read_rows(tmp_path / "none.jsonl")
