"""Results files on disk: found, read once, gone on with, replaced, broken, huge."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeact.errors import UsageError
from codeact.server.page.results import index as indexing
from codeact.server.page.results import shelf as shelving
from codeact.server.page.results.index import Index
from codeact.server.page.results.shelf import Shelf
from codeact.server.page.results.wanted import Wanted, found

from .lines import broken, job, played


def test_a_file_is_indexed_by_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    lines = [job(2), played("t-0"), played("t-0", "json", solved=False), played("t-1", solved=False, failure="loop")]
    path.write_bytes(b"".join([*lines, broken("t-1", "json")]))
    index = Index(path, "one.jsonl")
    assert index.refresh()
    first, second = index.rows.values()
    assert {name: (one.end, one.failure, one.turns) for name, one in first.played.items()} == {
        "code": ("solved", "", 1),
        "json": ("failed", "wrong answer", 1),
    }
    assert [(one.end, one.failure) for one in second.played.values()] == [("failed", "loop"), ("broken", "")]
    rollout = index.read(first.played["json"])
    assert rollout is not None
    assert rollout.trajectory is not None
    assert str(rollout.key) == "t-0/json/0"


def test_a_file_that_is_being_written_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    line = played("t-1")
    path.write_bytes(job(2)[:-9])
    index = Index(path, "one.jsonl")
    assert not index.refresh(), "a first line that is not whole says nothing"
    path.write_bytes(job(2) + played("t-0") + line[:40])
    assert index.refresh()
    before = index.rows
    assert [row.task for row in before.values()] == ["t-0"]
    with path.open("ab") as file:
        file.write(line[40:])
    assert index.refresh()
    assert index.rows is before, "what was read is not read again"
    assert [row.task for row in index.rows.values()] == ["t-0", "t-1"]
    assert index.unreadable == 0


def test_a_file_that_was_replaced_or_cut_short_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(job(2) + played("t-0") + played("t-1"))
    index = Index(path, "one.jsonl")
    assert index.refresh()
    row = next(iter(index.rows.values()))
    path.write_bytes(job(2, model="other") + played("x-0") + played("x-1") + played("x-2"))
    assert index.read(row.played["code"]) is None, "another episode lies there now"
    assert index.refresh()
    assert [row.task for row in index.rows.values()] == ["x-0", "x-1", "x-2"]
    path.write_bytes(job(2) + played("t-0"))
    assert index.refresh()
    assert [row.task for row in index.rows.values()] == ["t-0"]
    path.unlink()
    assert not index.refresh()
    assert index.read(row.played["code"]) is None


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"null\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"kind":"trajectory"}\n',
        b'{"kind":"trajectory","rollout":{"task":"t","actions":"code","seed":"x","labels":{}}}\n',
        b'{"kind":"trajectory","rollout":{"task":"t","actions":"code","seed":0,"labels":3,"verdict":[]}}\n',
        b'{"kind":"trajectory","steps":3,"rollout":{"task":"t","actions":"code","seed":0,"labels":{},"verdict":{"correct":true}}}\n',
    ],
)
def test_a_line_that_is_none_of_a_results_file_is_passed_over(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(job(2) + line + played("t-0"))
    index = Index(path, "one.jsonl")
    assert index.refresh()
    assert (index.unreadable, len(index.rows)) == (1, 1)


def test_a_line_that_is_too_long_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "LONGEST", 4096)
    path = tmp_path / "one.jsonl"
    path.write_bytes(job(2) + b"x" * 20_000 + b"\n" + played("t-0") + b"y" * 10_000)
    with path.open("rb") as file:
        assert max(len(line) for _, _, line in indexing.lines(file)) <= 4096
    index = Index(path, "one.jsonl")
    assert index.refresh()
    assert (index.unreadable, len(index.rows)) == (1, 1)


def test_of_an_episode_that_was_tried_again_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(job(2) + broken("t-0", "code") + played("t-0"))
    index = Index(path, "one.jsonl")
    assert index.refresh()
    assert [one.end for row in index.rows.values() for one in row.played.values()] == ["solved"]


def test_only_what_was_given_is_found(tmp_path: Path) -> None:
    given, outside = tmp_path / "given", tmp_path / "outside"
    (given / "deep").mkdir(parents=True)
    outside.mkdir()
    for path in (given / "a.jsonl", given / "deep" / "b.jsonl", given / "a.txt", outside / "c.jsonl"):
        path.write_bytes(job(2) + played("t-0"))
    (given / "other.jsonl").write_text('{"kind":"header"}\n')
    (given / "link.jsonl").symlink_to(outside / "c.jsonl")
    (given / "way").symlink_to(outside)
    os.mkfifo(given / "pipe.jsonl")
    shelf = Shelf([given, given / "a.jsonl"])
    assert [index.name for index in shelf.jobs()] == ["given/a.jsonl", "given/deep/b.jsonl"]
    (given / "deep" / "b.jsonl").unlink()
    (given / "new.jsonl").write_bytes(job(2))
    assert [index.name for index in shelf.jobs()] == ["given/a.jsonl", "given/new.jsonl"]


def test_there_is_a_limit_to_how_many_files_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelving, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_bytes(job(1))
    assert len(Shelf([tmp_path]).jobs()) == 2


def test_what_is_no_results_file_is_refused_by_its_name(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("{}\n")
    for path in (other, tmp_path / "nothing"):
        with pytest.raises(UsageError, match=str(path)):
            Shelf([path])


def filters() -> Iterator[tuple[dict[str, Any], list[str]]]:
    yield {}, ["t-0", "t-1", "u-2"]
    yield {"task": "t-"}, ["t-0", "t-1"]
    yield {"task": "?-[12]"}, ["t-1", "u-2"]
    yield {"end": "failed"}, ["t-1"]
    yield {"end": "failed", "actions": "code"}, []
    yield {"failure": "wrong answer"}, ["t-1"]
    yield {"end": "broken"}, ["u-2"]
    yield {"domain": "odd"}, ["t-1"]
    yield {"suite": "sums", "model": "scripted:one"}, ["t-0", "t-1", "u-2"]
    yield {"suite": "other"}, []
    yield {"job": "nothing"}, []


@pytest.mark.parametrize(("query", "tasks"), list(filters()))
def test_what_is_filtered(tmp_path: Path, query: dict[str, Any], tasks: list[str]) -> None:
    odd = {"solved": False, "domain": "odd", "status": "turn_limit"}
    lines = [job(3), played("t-0"), played("t-1"), played("t-1", "json", **odd), broken("u-2", "code")]
    (tmp_path / "one.jsonl").write_bytes(b"".join(lines))
    rows = found(Shelf([tmp_path]).jobs(), Wanted.of(query))
    assert [each.row.task for each in rows] == tasks


def test_filters_keep_their_address() -> None:
    wanted = Wanted.of({"task": "a&b=\ud800", "page": "3", "unknown": "x"})
    assert wanted.address() == "/results?task=a%26b%3D%3F&page=3"
    assert wanted.address(page=1, task="") == "/results"
    for page in ("0", "-1", "x", "²", "9" * 50, ""):
        assert Wanted.of({"page": page}).page == 1


def test_the_first_line_is_one_that_a_bench_writes() -> None:
    assert json.loads(job(2))["kind"] == "job"
    assert job(2).startswith(indexing.MARK)
