"""Files that are cut, damaged, foreign, from the future, or large."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.errors import TrajectoryError, UsageError
from codeact.trajectory import (
    TrajectoryWriter,
    dump_line,
    iter_trajectories,
    load_report,
    load_trajectories,
    load_trajectory,
)

from .example import code_run, json_run
from .strategies import quick


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.begin(code_run())
    return path


def edit(path: Path, change: Callable[[list[bytes]], None]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


def test_a_last_line_cut_anywhere_costs_only_that_line(path: Path) -> None:
    whole = path.read_bytes()
    before = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(before + 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        report = load_report(path)
        assert report.trajectories == (replace(code_run(), outcome=None),)
        assert "line 6: left out, because it was cut off or damaged" in report.problems[0]
    path.write_bytes(whole[:-1])  # the line is whole, only its end is missing
    assert load_report(path) == load_report(path)
    assert load_trajectory(path) == code_run()


def test_a_crash_in_the_middle_of_a_conversation(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])
    with TrajectoryWriter(path) as writer:
        writer.begin(json_run())
    report = load_report(path)
    assert report.trajectories == (replace(code_run(), outcome=None), json_run())
    assert len(report.problems) == 1


def test_a_broken_line_in_the_middle_is_no_crash(path: Path) -> None:
    edit(path, lambda lines: lines.__setitem__(2, lines[2][:50] + b"\n"))
    with pytest.raises(TrajectoryError, match="line 3: not JSON: Unterminated string"):
        load_trajectory(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"kind":"step"}', r"line 6: number: Field required, got \{\}"),
        (b'{"kind":"step","number":"x"}', "line 6: number: Input should be a valid integer"),
        (b'{"kind":"note"}', "line 6: not a record of a trajectory \\(its kind is 'note'\\)"),
        (b"[1]", "line 6: not a record"),
        (b'{"kind":"outcome","status":"won"}', "line 6: status: Input should be 'answered'"),
    ],
)
def test_lines_that_are_json_but_no_record(path: Path, line: bytes, words: str) -> None:
    edit(path, lambda lines: lines.__setitem__(5, line + b"\n"))
    with pytest.raises(TrajectoryError, match=words):
        load_trajectories(path)


def test_a_step_without_a_trajectory(path: Path) -> None:
    edit(path, lambda lines: lines.pop(0))
    with pytest.raises(TrajectoryError, match="line 1: a step without a trajectory before it"):
        load_trajectories(path)


def test_a_future_version(path: Path) -> None:
    path.write_text(path.read_text().replace('"schema_version":1', '"schema_version":2'))
    with pytest.raises(TrajectoryError, match=r"line 1: written in schema version 2, .* reads version 1; remedy"):
        load_trajectory(path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00\x01\xff", b"no json", b"{" * 5000, b'{"$dict":[[[],1]]}'])
def test_files_that_hold_no_trajectory(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(TrajectoryError, match="holds no trajectory"):
        load_trajectory(path)
    assert load_trajectories(path) == []


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="No such file"):
        load_trajectory(tmp_path / "x")
    with pytest.raises(UsageError, match="Is a directory"):
        load_trajectories(tmp_path)


def test_unknown_fields_and_blank_lines_are_passed_over(path: Path) -> None:
    edit(path, lambda lines: lines.__setitem__(1, b'\n{"new":1,' + lines[1][1:]))
    assert load_trajectory(path) == code_run()


def test_one_line_for_each_trajectory_and_both_forms_mixed(path: Path) -> None:
    with path.open("a") as file:
        file.write(dump_line(json_run()) + "\n" + dump_line(code_run()) + "\n")
    assert load_trajectories(path) == [code_run(), json_run(), code_run()]
    assert json.loads(dump_line(json_run()))["kind"] == "trajectory"


def test_a_file_is_read_only_as_far_as_needed(path: Path) -> None:
    with path.open("a") as file:
        file.write(dump_line(json_run()) + "\nbroken\nbroken\n")
    reading = iter_trajectories(path)
    assert next(reading) == code_run()  # what comes later has not been looked at
    with pytest.raises(TrajectoryError, match="line 8"):
        next(reading)


@quick
@given(st.binary(max_size=60), st.integers(0, 5))
def test_damage_never_gives_anything_but_a_trajectory_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.jsonl"
    lines = dump_line(json_run()).encode()
    position = len(lines) * place // 5
    path.write_bytes(lines[:position] + noise + lines[position:])
    with suppress(TrajectoryError):
        load_report(path)
