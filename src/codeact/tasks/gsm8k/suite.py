"""The suite: the publisher's problems, for an agent with Python and for a model by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from codeact.errors import UsageError
from codeact.tasks import jsonl
from codeact.tasks.answers import Expected, read_number
from codeact.tasks.base import Profile, Rules, Suite, Task, workbench
from codeact.tasks.formats import code_only
from codeact.tasks.oracle import Cells, Oracle, Stated
from codeact.tasks.replies import one_reply
from codeact.types import JSON

PUBLISHER = "https://github.com/openai/grade-school-math (grade_school_math/data/test.jsonl)"
BARE = "Answer with the number alone, without any words around it."
STEPS = "Work it out step by step. End with a line that says `#### ` and the number."

_MARK = "####"
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


class Row(BaseModel):
    """A problem; its answer is worked out, and ends in `#### 72`."""

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    answer: str


def last_number(reply: str) -> str:
    """The number behind the last mark, or the last one there is; the reply itself where there is none."""
    marked = _NUMBER.search(reply.rpartition(_MARK)[2]) if _MARK in reply else None
    numbers = _NUMBER.findall(reply)
    return marked[0] if marked else numbers[-1] if numbers else reply


AGENT = Rules(turns=5, space=code_only("gsm8k"))
PLAIN = one_reply("gsm8k", last_number)


def tasks(
    wanted: str, rules: Rules, knowing: Callable[[JSON], Mapping[str, Oracle]], /, *, data: JSON = None
) -> Sequence[Task]:
    """All problems of a file. `wanted` follows each of them, `knowing` makes an oracle of its number.

    Raises:
        UsageError: no such file, or a line of it is no problem.
    """
    return [
        Task(
            id=id,
            domain="gsm8k",
            prompt=f"{row.question}\n\n{wanted}",
            open=workbench(lambda actions: []),
            judge=Expected(number),
            oracles=knowing(number),
            rules=rules,
            labels={"source": "GSM8K", "licence": "MIT"},
        )
        for id, row, number in _problems(data)
    ]


def _in_code(number: JSON) -> Mapping[str, Oracle]:
    return {"code": Cells([f"final_answer({number})"])}


def _in_words(number: JSON) -> Mapping[str, Oracle]:
    return {"text": Stated(str(number))}


def _problems(data: JSON) -> list[tuple[str, Row, JSON]]:
    """Each with its name, which is its line, and its number."""
    if not isinstance(data, str) or not data:
        raise UsageError(f"gsm8k has no data of its own; remedy: data=FILE of {PUBLISHER}")
    path = Path(data) / "test.jsonl" if Path(data).is_dir() else Path(data)
    rows = jsonl.read_rows(path, Row, other="no problem of GSM8K", remedy=f"take it from {PUBLISHER}")
    if not rows:
        raise UsageError(f"{path} has no rows; remedy: take it from {PUBLISHER}")
    return [(f"{path.name.partition('.')[0]}/{number}", row, _answer(path, number, row)) for number, row in rows]


def _answer(path: Path, line: int, row: Row) -> JSON:
    number = read_number(row.answer.rpartition(_MARK)[2].strip())
    if _MARK not in row.answer or not isinstance(number, int | float):
        raise UsageError(
            f"line {line} of {path} is no problem of GSM8K: its answer does not end in '#### ' and a number"
        )
    return number


SUITE = Suite(
    name="gsm8k",
    summary="word problems of grade school, from their publisher's file (needs data=FILE)",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="agent", summary="by code actions, up to five turns", tasks=partial(tasks, BARE, AGENT, _in_code)),
        Profile(
            name="plain",
            summary="in one reply, without any action (--actions text)",
            tasks=partial(tasks, STEPS, PLAIN, _in_words),
        ),
    ),
)
