"""Writing runs down, and reading back what was written, whatever it holds and however the writing ended."""

from __future__ import annotations

import json
import math
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from codeact.errors import SetupError, UsageError
from codeact.trajectory import (
    TrajectoryWriter,
    dump_line,
    load_report,
    load_trajectories,
    load_trajectory,
    to_markdown,
    to_messages,
)
from codeact.trajectory.notebook import notebook
from codeact.types import Answer, Outcome, ToolCall, Trajectory

from .example import code_run, json_run, step
from .strategies import quick, trajectories


def write(path: Path, *runs: Trajectory) -> Path:
    with TrajectoryWriter(path) as writer:
        for run in runs:
            writer.begin(run)
    return path


def kinds(path: Path) -> list[str]:
    return [json.loads(line)["kind"] for line in path.read_text().splitlines()]


def with_answer(value: object) -> Trajectory:
    return replace(json_run(), outcome=Outcome(status="answered", answer=Answer("x", value)))


def loaded_answer(path: Path) -> Any:
    outcome = load_trajectory(path).outcome
    assert outcome is not None
    assert outcome.answer is not None
    return outcome.answer.value


def test_as_a_run_goes(tmp_path: Path) -> None:
    path, run = tmp_path / "deep" / "run.jsonl", code_run()
    seen: list[list[str]] = []
    with TrajectoryWriter(path) as writer:
        writer.begin(replace(run, steps=(), outcome=None))
        for one in run.steps:
            writer.step(one)
            seen.append(kinds(path))  # it is there before the next thing happens
        assert run.outcome is not None
        writer.end(run.outcome)
    assert [len(lines) for lines in seen] == [2, 3, 4, 5]
    assert kinds(path) == ["trajectory", "step", "step", "step", "step", "outcome"]
    assert load_trajectory(path) == run


def test_lines_leave_out_what_has_its_default(tmp_path: Path) -> None:
    path = write(tmp_path / "run.jsonl", code_run())
    assert json.loads(path.read_text().splitlines()[1]) == {
        "kind": "step",
        "number": 1,
        "completion": {
            "text": "I would start.",
            "usage": {"input_tokens": 100, "output_tokens": 20},
            "model": "scripted:demo",
            "latency": 0.5,
        },
        "observation": {"text": "Write code in a fence.", "is_error": True},
        "started": "2026-11-22T12:00:01+00:00",
        "model_time": 0.5,
        "action_time": 0.1,
    }
    assert json.loads(path.read_text().splitlines()[0])["schema_version"] == 1


def test_a_conversation_in_one_file(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.jsonl", code_run())
    write(path, json_run())
    assert load_trajectories(path) == [code_run(), json_run()]
    assert load_trajectory(path) == json_run()


@quick
@given(trajectories)
def test_everything_comes_back(tmp_path_factory: pytest.TempPathFactory, run: Trajectory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.unlink(missing_ok=True)
    write(path, run)
    assert load_trajectories(path) == [run]
    path.write_text(dump_line(run) + "\n")
    assert load_trajectories(path) == [run]


@quick
@given(trajectories)
def test_everything_can_be_exported(run: Trajectory) -> None:
    assert to_markdown(run)
    assert json.dumps(to_messages(run))
    assert json.dumps(notebook(run))


def test_numbers_that_json_lacks(tmp_path: Path) -> None:
    path = write(tmp_path / "run.jsonl", with_answer([math.nan, math.inf, 10**5000, -(2**63), True, 1]))
    nan, *rest = loaded_answer(path)
    assert math.isnan(nan)
    assert rest == [math.inf, 10**5000, -(2**63), True, 1]
    assert rest[-2] is True
    run = replace(json_run(), steps=(replace(step(1, "x"), model_time=math.nan),))
    assert math.isnan(load_trajectory(write(path, run)).steps[0].model_time)


def test_writing_never_fails_for_what_a_value_is(tmp_path: Path) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    values = [Broken(), object, {1, "a"}, {"$tuple": 1}, {(1, 2): {3: 4}}, deep]
    got = loaded_answer(write(tmp_path / "run.jsonl", with_answer(values)))
    assert got[0] == "<Broken, whose repr failed: RuntimeError>"
    assert got[1] == "<class 'object'>"
    assert got[2:5] == values[2:5]
    assert "nested deeper than 100 levels" in str(got[5])


def test_a_call_with_an_array_in_it(tmp_path: Path) -> None:
    """Comparing with a default must not ask an array for its truth."""
    numpy = pytest.importorskip("numpy")
    run = with_answer(numpy.zeros(2))
    assert loaded_answer(write(tmp_path / "run.jsonl", run)) == "array([0., 0.])"
    assert ToolCall("x", (numpy.zeros(2),)).args


def test_misuse_says_what_is_right(tmp_path: Path) -> None:
    writer = TrajectoryWriter(tmp_path / "run.jsonl")
    with pytest.raises(UsageError, match="inside its `with` block"):
        writer.begin(json_run())
    with writer, pytest.raises(UsageError, match="call begin"):
        writer.step(step(1, "x"))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Is a directory"), TrajectoryWriter(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"File exists|Not a directory"), TrajectoryWriter(tmp_path / "file" / "x"):
        pass


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk's end: the kernel answers the write in the same place."""
    path, (soft, hard) = tmp_path / "run.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with TrajectoryWriter(path) as writer:
            writer.begin(replace(json_run(), steps=(), outcome=None))
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
            with pytest.raises(SetupError, match=r"cannot write the trajectory file .*: File too large"):
                writer.step(step(1, "x" * 1000))
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            writer.step(step(1, "there is room again"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert [one.completion.text for one in load_trajectory(path).steps] == ["there is room again"]


KILLED = """
import sys
from dataclasses import replace
sys.path.insert(0, {folder!r})
from codeact.trajectory import TrajectoryWriter
from example import code_run
run = code_run()
with TrajectoryWriter({path!r}) as writer:
    writer.begin(replace(run, steps=(), outcome=None))
    number = 0
    while True:
        number += 1
        writer.step(replace(run.steps[0], number=number))
        print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    program = KILLED.format(folder=str(Path(__file__).parent), path=str(path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 20:
            pass
        process.kill()
        told = max([20, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    report = load_report(path)
    assert len(report.trajectories[0].steps) >= told
    assert report.trajectories[0].outcome is None
    write(path, json_run())  # and the file can be gone on with
    assert len(load_trajectories(path)) == 2
