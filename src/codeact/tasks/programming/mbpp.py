"""MBPP's problems as tasks: the first tests of each are shown, as its signature; all of them have to be passed."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping, Sequence
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.base import Task
from codeact.tasks.programming.expert import expert
from codeact.tasks.programming.problem import ANSWER, RULES
from codeact.tasks.programming.proof import Call, Claim, Test, passed, shown_value, trial
from codeact.tasks.programming.rows import MBPP, MbppRow, read_rows
from codeact.types import JSON

SPLITS: Mapping[str, range] = {  # by task_id, as its publisher has them
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
    "all": range(1, 975),
}
IDEA = "I write the function as it is asked for, and try it on the example before I answer."


def tasks(*, data: JSON = None, split: str = "train", shown: int = 1) -> Sequence[Task]:
    """The problems of one split; `shown` is how many tests of each an agent sees.

    Raises:
        UsageError: no such split, a number that cannot be, or a file that is not MBPP's.
    """
    if split not in SPLITS:
        raise UsageError(f"mbpp has no split {split!r}; there are: {', '.join(SPLITS)}")
    if not isinstance(cast("object", shown), int) or shown < 1:
        raise UsageError(
            f"shown={shown!r} must be 1 or more: without an example nobody knows what to call the function"
        )
    rows = read_rows(data, "mbpp.jsonl", MbppRow, MBPP)
    chosen = [row for row in rows if row.task_id in SPLITS[split]]
    if not chosen:
        raise UsageError(f"the file has no problem of MBPP's split {split!r}; remedy: the whole file of {MBPP}")
    return [_task(row, shown) for row in chosen]


def _task(row: MbppRow, shown: int) -> Task:
    tests = [test_of(row, source) for source in (*row.test_list, *row.challenge_test_list)]
    examples = [source.strip() for source in row.test_list[:shown]]
    tries = [f"print({called})" if (called := called_in(example)) else example for example in examples]
    trying = "\n".join(filter(None, ["exec(program)", row.test_setup_code.strip(), *tries]))
    return Task(
        id=f"mbpp/{row.task_id}",
        domain="mbpp",
        prompt=f"{row.text.strip()}\n\nFor example:\n" + "\n".join(examples) + f"\n\n{ANSWER}",
        open=trial(lambda: tests, row.test_setup_code),
        judge=passed,
        oracles={"code": expert(reference(row), IDEA, [trying])},
        rules=RULES,
        labels={"source": "mbpp", "licence": "CC-BY-4.0", "format": "function", "split": split_of(row.task_id)},
    )


def test_of(row: MbppRow, source: str) -> Test:
    """An assertion as what is asked in the box and what is compared here, where it can be taken apart.

    Raises:
        UsageError: it is no Python.
    """
    try:
        tree = ast.parse(source.strip()).body
    except SyntaxError as error:
        raise UsageError(f"mbpp's problem {row.task_id} has a test that is no Python: {source!r}") from error
    match tree:
        case [ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]))]:
            try:
                return Call(ast.unparse(left), [shown_value(right)])
            except ValueError:
                pass
        case _:
            pass
    return Claim(source.strip())


def called_in(example: str) -> str:
    """What an assertion calls; empty where that is not plain to see."""
    match ast.parse(example).body:
        case [ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()]))]:
            return ast.unparse(left)
        case _:
            return ""


def reference(row: MbppRow) -> str:
    """The publisher's program, with blanks for tabs where it is the same program then."""
    code = row.code.replace("\r", "").strip("\n")
    plain = textwrap.dedent("\n".join(line.rstrip().expandtabs(4) for line in code.split("\n")))
    try:
        return plain if ast.dump(ast.parse(plain)) == ast.dump(ast.parse(code)) else code
    except SyntaxError:
        return code


def split_of(task_id: int) -> str:
    return next((name for name, ids in SPLITS.items() if task_id in ids), "")
