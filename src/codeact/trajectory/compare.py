"""Where a run, done again, came out differently: the pure half of `codeact replay`.

What may differ from run to run without meaning anything is made the same first: addresses of objects, durations, places
of temporary files. Not covered: dates of today, random numbers without a seed, the order of sets of strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codeact.types import Display, ExecError, ExecResult, Result, ToolRecord, ToolResults, Trajectory

_VOLATILE = (
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "0x…"),  # <object at 0x7f…>
    (re.compile(r"(?<![\w.])/(?:tmp|var/tmp|var/folders)/[^\s'\"):,]*"), "(temporary file)"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:e[-+]?\d+)?\s?(?:ns|µs|μs|us|ms|s|sec|secs|seconds|min)\b"), "… s"),
    (re.compile(r"\b\d+:\d\d(?::\d\d)?(?:\.\d+)?(?=\s*(?:<|elapsed|remaining|\[))|\b\d+(?:\.\d+)?\s?it/s"), "…"),
    (re.compile(r"\b[\d,]+ loops each"), "… loops each"),  # of %timeit
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. Both sides are given as they were, before anything was made the same."""

    step: int  # number of the step
    what: str  # "stdout", "value", "error", "calls[0].text", …
    recorded: str
    replayed: str


def compare(trajectory: Trajectory, replayed: Mapping[int, Result]) -> list[Difference]:
    """The differences between the results of a trajectory and those of the same actions, by step number, done again.

    A step that has a result on one side only is a difference too.
    """
    results = {step.number: step.result for step in trajectory.steps if step.result is not None}
    return [
        Difference(number, what, before, after)
        for number in sorted({*results, *replayed})
        for what, before, after in _different(results.get(number), replayed.get(number))
        if (before != after if what == "answer" else normalized(before) != normalized(after))
    ]


def normalized(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _different(before: Result | None, after: Result | None) -> Iterator[tuple[str, str, str]]:
    """Everything there is to compare, as text: what it is, how it was, how it is."""
    match before, after:
        case ExecResult(), ExecResult():
            yield from _code_results(before, after)
        case ToolResults(), ToolResults():
            yield from _calls(before.records, after.records)
        case _:
            yield "result", _kind(before), _kind(after)


def _code_results(before: ExecResult, after: ExecResult) -> Iterator[tuple[str, str, str]]:
    yield "stdout", before.stdout, after.stdout
    yield "stderr", before.stderr, after.stderr
    yield "value", before.value or "", after.value or ""
    yield "error", _error(before.error), _error(after.error)
    yield "answer", before.answer.text if before.answer else "", after.answer.text if after.answer else ""
    yield "displays", _displays(before.displays), _displays(after.displays)
    yield "state", before.state, after.state
    yield from _calls(before.tool_calls, after.tool_calls)


def _calls(before: tuple[ToolRecord, ...], after: tuple[ToolRecord, ...]) -> Iterator[tuple[str, str, str]]:
    yield "number of calls", str(len(before)), str(len(after))
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        yield f"calls[{index}]", f"{old.name} {old.args!r} {old.kwargs!r}", f"{new.name} {new.args!r} {new.kwargs!r}"
        yield f"calls[{index}].text", old.error or old.text, new.error or new.text


def _error(error: ExecError | None) -> str:
    if error is None:
        return ""
    return f"{error.name}: {error.message}" + (f" (line {error.line})" if error.line is not None else "")


def _displays(displays: tuple[Display, ...]) -> str:
    """What was shown: text as it is, of pictures only that there was one, since encoders vary."""
    return "\n".join(
        f"{mime}: {data if isinstance(data, str) else '(binary)'}"
        for display in displays
        for mime, data in sorted(display.data.items())
    )


def _kind(result: Result | None) -> str:
    match result:
        case None:
            return "none"
        case ExecResult():
            return "of code"
        case ToolResults():
            return "of tool calls"
