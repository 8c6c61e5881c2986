"""Export: every form comes back as it was written, tasks are split, the card says what is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.errors import UsageError
from codeact.instruct.card import card
from codeact.instruct.dataset import Export, Target, export
from codeact.instruct.forms import FORMS, read_form
from codeact.instruct.parquet import read_parquet, write_parquet
from codeact.instruct.row import Row, RowMessage, read_rows, write_rows
from codeact.instruct.split import part_of
from codeact.instruct.statistics import Numbers
from codeact.instruct.tokens import Counter, estimated

from .episodes import row
from .test_row import rows

LETTERS = Counter("letters", len)
FEW = [row(str(number), task=f"task {number % 7}", domain="odd" if number % 2 else "even") for number in range(20)]


@pytest.mark.parametrize("name", [*FORMS, "parquet"])
@given(written=st.lists(rows, min_size=1, max_size=3))
@settings(deadline=None, max_examples=25)
def test_each_form_comes_back_as_it_was(name: str, written: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        if name == "parquet":
            assert write_parquet(path, written) == len(written)
            assert list(read_parquet(path)) == written
        else:
            lines = [json.dumps(FORMS[name].to_record(each)) for each in written]
            path.write_text("\n".join(lines) + "\n")
            assert list(read_form(path, name)) == written


def test_what_trainers_find_in_each_form() -> None:
    given = row("a/b", messages=(RowMessage("user", "Hi"), RowMessage("assistant", "Ho", is_copied_context=True)))
    said = [("user", "Hi"), ("assistant", "Ho")]
    chat = FORMS["messages"].to_record(given)["messages"]
    assert chat == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho", "is_copied_context": True},
    ]
    shared = FORMS["sharegpt"].to_record(given)
    assert [(each["from"], each["value"]) for each in shared["conversations"]] == [("human", "Hi"), ("gpt", "Ho")]
    assert shared["conversations"][1]["is_copied_context"] is True
    paper = FORMS["paper"].to_record(given)
    assert paper["id"] == "a/b"
    assert [(each["role"], each["content"]) for each in paper["conversations"]] == said


@pytest.mark.parametrize("to", ["messages", "sharegpt", "paper", "parquet"])
def test_a_whole_data_set(tmp_path: Path, to: Target) -> None:
    write_rows(tmp_path / "rows.jsonl", FEW)
    done = export(Export(rows=tmp_path / "rows.jsonl", folder=tmp_path / to, to=to, validation=0.4, counter=LETTERS))
    read = {
        part: list(read_parquet(path) if to == "parquet" else read_form(path, to)) for part, path in done.files.items()
    }
    assert sorted(read) == ["train", "validation"]
    assert not {each.task for each in read["train"]} & {each.task for each in read["validation"]}
    assert sorted(each.id for part in read.values() for each in part) == sorted(each.id for each in FEW)
    assert all(each in FEW for part in read.values() for each in part)
    assert f"Form: `{to}`" in done.card.read_text()
    assert set((tmp_path / to).iterdir()) == {done.card, *done.files.values()}


def test_the_split_goes_by_the_task_and_the_seed() -> None:
    parts = [{part_of(each, 0.5, seed) for each in FEW if each.task == "task 3"} for seed in range(8)]
    assert all(len(part) == 1 for part in parts)
    assert {part for found in parts for part in found} == {"train", "validation"}
    many = [replace(FEW[0], task=str(number)) for number in range(2000)]
    share = sum(part_of(each, 0.1) == "validation" for each in many) / len(many)
    assert 0.07 < share < 0.13
    assert {part_of(each, 0.0) for each in many} == {"train"}


def test_the_card(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [*FEW, row("x", domain="a|b", licence="", origin={"repaired": {"step": 1}})])
    stage = {"filter": "turns", "drops": "fewer than 3 turns", "in": 1200, "dropped": 1179, "left": 21, "domains": {}}
    bench = {"tasks": {"m3tooleval": 164}, "suites": ["m3tooleval", "mint"]}
    report = {"stages": [stage], "bench": bench, "n": 8, "pipeline": {"bench": "on"}}
    (tmp_path / "rows.funnel.json").write_text(json.dumps(report))
    done = export(Export(rows=tmp_path / "rows.jsonl", folder=tmp_path / "set", name='My "set"', counter=LETTERS))
    text = done.card.read_text()
    header = text.split("---\n")[1]
    assert 'pretty_name: "My \\"set\\""\nlicense:\n- apache-2.0\n- unknown\n' in header
    assert "size_categories:\n- n<1K\n" in header
    assert "  - split: train\n    path: train.jsonl\n" in header
    tokens = [LETTERS.of_row(each) for each in FEW]
    total = sum(tokens) + LETTERS.of_row(row("x"))
    assert f"| **all** | 21 | 8 | {total:,} | {total / 21:.2f} | 2.00 |" in text
    assert "| a\\|b | 1 | 1 |" in text
    assert "| own sums | own | 20 |" in text
    assert "| own sums | unknown | 1 |" in text
    assert "| `local:small` | 21 |" in text
    assert "| turns | 1,200 | 1,179 | 21 | fewer than 3 turns |" in text
    assert "m3tooleval (164 tasks), in 8-grams" in text
    assert "1 rows come from a repair" in text
    assert "Tokens are letters" in text


def test_the_card_of_rows_of_unknown_origin() -> None:
    numbers = Numbers(estimated, 0.0, 0)
    assert list(numbers.counted(FEW[:1])) == [("train", FEW[0])]
    text = card("set", numbers, {"train": "train.jsonl"}, "messages", None)
    assert "How the rows were selected is not known" in text
    unchecked = {"stages": [], "bench": {"tasks": {}, "suites": []}, "n": 8, "pipeline": {}}
    assert "**Not decontaminated**" in card("set", numbers, {"train": "train.jsonl"}, "messages", unchecked)


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [FEW[0], FEW[0]])
    with pytest.raises(UsageError, match=r"two rows of .*rows\.jsonl' have the id '0'"):
        export(Export(rows=path, folder=tmp_path / "set"))
    with pytest.raises(UsageError, match="from 0 to below 1"):
        export(Export(rows=path, folder=tmp_path / "set", validation=1.0))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.parquet").write_text("")
    with pytest.raises(UsageError, match=r"train\.parquet' exists; give another folder"):
        export(Export(rows=path, folder=tmp_path / "set", to="parquet"))
    path.unlink()
    write_rows(path, FEW)
    (tmp_path / "rows.funnel.json").write_text("{")
    with pytest.raises(UsageError, match="is no report of `codeact instruct select`"):
        export(Export(rows=path, folder=tmp_path / "other"))
    assert list(read_rows(path)) == FEW


def test_files_that_are_none_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for name, text, words in (
        ("sharegpt", '{"id": "a"}', "line 1: not a row as sharegpt: it has no 'conversations'"),
        ("sharegpt", '{"id": "", "conversations": [{"from": "robot", "value": ""}]}', r"messages\.0\.role"),
        ("paper", '{"conversations": 3}', "not a row as paper"),
        ("messages", "[]", "not a row as messages"),
    ):
        path.write_text(text + "\n")
        with pytest.raises(UsageError, match=words):
            list(read_form(path, name))
    with pytest.raises(UsageError, match="cannot read the Parquet file"):
        list(read_parquet(path))
