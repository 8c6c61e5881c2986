"""Where a run that is done again came out differently."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from codeact.trajectory import Difference, compare
from codeact.trajectory.compare import normalized
from codeact.types import Answer, Display, ExecError, ExecResult, Result, ToolRecord, ToolResults, Trajectory

from .example import code_run, json_run, step
from .strategies import quick, trajectories


def differences(before: Result | None, after: Result | None) -> list[Difference]:
    run = replace(code_run(), steps=(step(7, "x", result=before),))
    return compare(run, {} if after is None else {7: after})


@quick
@given(trajectories)
def test_a_run_does_not_differ_from_itself(run: Trajectory) -> None:
    last = {step.number: step for step in run.steps}  # numbers may repeat in generated runs
    run = replace(run, steps=tuple(last.values()))
    assert compare(run, {step.number: step.result for step in run.steps if step.result is not None}) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<object at 0x7f00aa11bb22>", "<object at 0x55d0c0ffee00>"),
        ("took 1.23 s", "took 0.9 s"),
        ("CPU times: user 1.2 ms, sys: 0 ns, total: 1.2 ms", "CPU times: user 900 µs, sys: 3 µs, total: 1 ms"),
        ("12.1 ns ± 0.3 ns per loop, 10,000 loops each)", "9 ns ± 1 ns per loop, 100,000 loops each)"),
        ("File '/tmp/codeact-x1/a.py'", "File '/tmp/codeact-y2/b.py'"),
        ("100%|██| 10/10 [00:01<00:00,  9.5it/s]", "100%|██| 10/10 [00:02<00:00,  4.5it/s]"),
        ("a \n\n", "a"),
    ],
)
def test_what_means_nothing_is_no_difference(before: str, after: str) -> None:
    assert normalized(before) == normalized(after)
    assert differences(ExecResult(stdout=before), ExecResult(stdout=after)) == []


@pytest.mark.parametrize(
    ("before", "after"), [("1.5", "1.6"), ("x = 0x10", "x = 0x11"), ("/data/tmp/a", "/data/tmp/b"), ("10 m", "11 m")]
)
def test_what_means_something_is(before: str, after: str) -> None:
    assert differences(ExecResult(value=before), ExecResult(value=after)) == [Difference(7, "value", before, after)]


def test_each_part_of_a_code_result() -> None:
    error = ExecError(kind="exception", name="KeyError", message="'x'", line=2)
    before = ExecResult(
        stderr="a",
        error=error,
        answer=Answer("took 1 s"),
        displays=(Display(data={"image/png": b"1", "text/plain": "x"}),),
        tool_calls=(ToolRecord(name="rate", args=["A"], text="1"), ToolRecord(name="pay")),
    )
    after = ExecResult(
        stderr="b",
        error=replace(error, line=3),
        answer=Answer("took 2 s"),  # an answer is taken at its word
        displays=(Display(data={"image/png": b"2", "text/plain": "y"}),),
        tool_calls=(ToolRecord(name="rate", args=["B"], error="KeyError: 'B'"),),
        state="lost",
    )
    assert [(one.what, one.recorded, one.replayed) for one in differences(before, after)] == [
        ("stderr", "a", "b"),
        ("error", "KeyError: 'x' (line 2)", "KeyError: 'x' (line 3)"),
        ("answer", "took 1 s", "took 2 s"),
        ("displays", "image/png: (binary)\ntext/plain: x", "image/png: (binary)\ntext/plain: y"),
        ("state", "kept", "lost"),
        ("number of calls", "2", "1"),
        ("calls[0]", "rate ['A'] {}", "rate ['B'] {}"),
        ("calls[0].text", "1", "KeyError: 'B'"),
    ]


def test_tool_results() -> None:
    run = json_run()
    (before,) = [step.result for step in run.steps]
    assert isinstance(before, ToolResults)
    after = ToolResults((before.records[0], replace(before.records[1], error=None, text="2")))
    assert compare(run, {1: after}) == [Difference(1, "calls[1].text", "KeyError: 'B'", "2")]


def test_a_result_on_one_side_only() -> None:
    assert differences(ExecResult(), None) == [Difference(7, "result", "of code", "none")]
    assert differences(None, ToolResults(())) == [Difference(7, "result", "none", "of tool calls")]
