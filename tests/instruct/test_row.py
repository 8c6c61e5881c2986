"""Rows: what is written is read, and nothing that is not a row is."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.errors import SetupError, UsageError
from codeact.instruct.lines import read_lines
from codeact.instruct.row import Row, RowMessage, read_rows, write_rows

from .episodes import row

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)  # rows are UTF-8
messages = st.builds(RowMessage, st.sampled_from(["system", "user", "assistant"]), words, st.booleans())
numbers = st.integers(-(2**53), 2**53)
values = st.recursive(
    st.none() | st.booleans() | numbers | words, lambda inner: st.lists(inner, max_size=2), max_leaves=4
)
rows = st.builds(
    Row,
    id=words,
    messages=st.lists(messages, min_size=1, max_size=4).map(tuple),
    turns=st.integers(0, 9),
    success=st.booleans(),
    domain=words,
    task=words,
    source=words,
    licence=words,
    model=words,
    origin=st.dictionaries(words, values, max_size=3),
)


@given(st.lists(rows, min_size=1, max_size=3))
@settings(deadline=None, max_examples=50)
def test_rows_come_back_as_they_were(written: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        assert write_rows(path, written) == len(written)
        assert list(read_rows(path)) == written


def test_compressed_files_are_read_directly(tmp_path: Path) -> None:
    line = json.dumps(row().to_record()).encode()
    for name, packed in (("a.xz", lzma.compress(line)), ("b", gzip.compress(line)), ("c.jsonl", line + b"\n\n")):
        (tmp_path / name).write_bytes(packed)
        assert list(read_rows(tmp_path / name)) == [row()]


def test_what_is_no_row_is_named_by_line_and_field(tmp_path: Path) -> None:
    good, path = row().to_record(), tmp_path / "rows.jsonl"
    for wrong, words in (
        ({**good, "turns": "2"}, "turns: Input should be a valid integer"),
        ({**good, "colour": 1}, "colour: Unexpected keyword argument"),
        ({**good, "messages": []}, "messages: .* at least 1 item"),
        ({**good, "messages": [{"role": "tool", "content": ""}]}, r"messages\.0\.role"),
        ({name: value for name, value in good.items() if name != "licence"}, "licence: Field required"),
        ([1], "should be an object"),
    ):
        path.write_text(json.dumps(good) + "\n" + json.dumps(wrong) + "\n")
        with pytest.raises(UsageError, match=f"rows.jsonl', line 2: not a row .*{words}"):
            list(read_rows(path))
    path.write_text("\n")
    with pytest.raises(UsageError, match="holds no rows"):
        list(read_rows(path))


def test_a_compressed_file_that_is_cut_off_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.xz"
    packed = lzma.compress(b"".join(json.dumps({"n": n, "x": str(n) * 99}).encode() + b"\n" for n in range(5000)))
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UsageError, match=r"rows\.jsonl\.xz' is cut off: its compressed data end after line \d+"):
        list(read_lines(path))
    path.write_bytes(packed[:100] + b"\0" * 50 + packed[150:])
    with pytest.raises(UsageError, match="is damaged"):
        list(read_lines(path))
    with pytest.raises(UsageError, match=r"cannot read .*: Is a directory"):
        list(read_lines(tmp_path))


def test_writing_takes_no_files_place_and_leaves_no_half(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"

    def broken() -> list[Row]:
        raise UsageError("a file further up was broken")

    with pytest.raises(UsageError, match="further up"):
        write_rows(path, (made for one in (1, 2) for made in ([row()] if one == 1 else broken())))
    assert list(path.parent.iterdir()) == []
    write_rows(path, [row()])
    with pytest.raises(UsageError, match="exists; give another name"):
        write_rows(path, [row()])
    with pytest.raises(SetupError, match="cannot write"):
        write_rows(path / "below-a-file.jsonl", [row()])
