"""APPS' problems as tasks, from its published rows: functions to be completed, and programs that read and write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.base import Task
from codeact.tasks.programming.expert import by_process, expert
from codeact.tasks.programming.problem import ANSWER, READS, RULES
from codeact.tasks.programming.proof import Call, Run, Test, passed, trial
from codeact.tasks.programming.rows import APPS, AppsRow, Cases, read_rows
from codeact.types import JSON

LEVELS = ("introductory", "interview", "competition")
IDEA = "I write the program and run it on the first input before I answer."


def tasks(*, data: JSON = None, difficulty: str | Sequence[str] = LEVELS) -> Sequence[Task]:
    """The problems that have tests; `difficulty` may be one or several.

    Raises:
        UsageError: no such difficulty, or a file that is not APPS'.
    """
    levels = [difficulty] if isinstance(difficulty, str) else list(difficulty)
    if unknown := [level for level in levels if level not in LEVELS]:
        raise UsageError(f"apps has no difficulty {unknown[0]!r}; there are: {', '.join(LEVELS)}")
    rows = read_rows(data, "train.jsonl", AppsRow, APPS)
    return [
        _task(row, cases) for row in rows if row.difficulty in levels and (cases := row.input_output) and cases.inputs
    ]


def _task(row: AppsRow, cases: Cases) -> Task:
    if len(cases.inputs) != len(cases.outputs):
        raise UsageError(
            f"apps' problem {row.problem_id} has {len(cases.inputs)} inputs and {len(cases.outputs)} outputs"
        )
    starter = f"\n\nComplete this:\n{row.starter_code.rstrip()}" if row.starter_code.strip() else ""
    form = f"Complete the function {cases.fn_name}. {ANSWER}" if cases.fn_name else f"{READS} {ANSWER}"
    return Task(
        id=f"apps/{row.problem_id}",
        domain="apps",
        prompt=f"{row.question.strip()}{starter}\n\n{form}",
        open=trial(lambda: tests_of(row, cases)),
        judge=passed,
        oracles={"code": expert(row.solutions[0], IDEA, _tries(row, cases))} if row.solutions else {},
        rules=RULES,
        labels={
            "source": "apps",
            "licence": "MIT",
            "level": row.difficulty,
            "format": "function" if cases.fn_name else "stdin",
        },
    )


def tests_of(row: AppsRow, cases: Cases) -> Sequence[Test]:
    pairs = zip(cases.inputs, cases.outputs, strict=True)
    if not cases.fn_name:
        return [Run(_text(given), _text(wanted)) for given, wanted in pairs]
    return [Call(_called(row, cases, given), _meant(wanted), loose=True) for given, wanted in pairs]


def _called(row: AppsRow, cases: Cases, given: JSON) -> str:
    if not isinstance(given, list):
        raise UsageError(
            f"apps' problem {row.problem_id} calls a function with {given!r}, which is no list of arguments"
        )
    owner = "Solution()." if "class Solution" in row.starter_code else ""
    return f"{owner}{cases.fn_name}({', '.join(map(repr, cast('list[JSON]', given)))})"


def _meant(wanted: JSON) -> Sequence[JSON]:
    """The publisher's rows have a value by itself or in a list, and its checker takes either."""
    return [wanted, wanted[0]] if isinstance(wanted, list) and wanted else [wanted]


def _text(lines: JSON) -> str:
    return "\n".join(map(str, cast("list[JSON]", lines))) if isinstance(lines, list) else str(lines)


def _tries(row: AppsRow, cases: Cases) -> list[str]:
    given = cases.inputs[:1]
    if not cases.fn_name:
        return by_process([_text(lines) for lines in given])
    return [f"exec(program)\nprint({_called(row, cases, values)})" for values in given]
