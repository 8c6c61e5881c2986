"""The suite: the publisher's functions, for an agent with Python and for a model by itself."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field

from codeact.errors import UsageError
from codeact.tasks import jsonl
from codeact.tasks.base import Environment, Profile, Rules, Suite, Task
from codeact.tasks.formats import code_only
from codeact.tasks.mint.programs import Proof, proved
from codeact.tasks.oracle import Cells, Oracle, Stated
from codeact.tasks.replies import one_reply
from codeact.types import JSON

PUBLISHER = "https://github.com/openai/human-eval (data/HumanEval.jsonl.gz)"
SOURCE = (
    "Your answer is the source of the whole function, with the imports it needs, as a string: `final_answer(source)`."
)
BLOCK = "Reply with the whole function, with the imports it needs, in one block of Python."

_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Row(BaseModel):
    """A function: its head with a docstring, its body, and tests. MINT's files of the same tasks have other names."""

    name: str | int = Field(validation_alias=AliasChoices("task_id", "id"))
    prompt: str
    canonical_solution: str
    test: str = Field(validation_alias=AliasChoices("test", "reference"))
    entry_point: str = ""  # in MINT's files the tests call their check themselves

    @property
    def id(self) -> str:
        return str(self.name).rpartition("/")[2]

    @property
    def tests(self) -> str:
        return f"{self.test}\n\ncheck({self.entry_point})" if self.entry_point else self.test

    @property
    def solution(self) -> str:
        return f"{self.prompt}\n{self.canonical_solution.rstrip()}".strip()


def program_in(reply: str) -> str:
    """The first block that defines something, else the first, else the reply as it is."""
    blocks = [block.rstrip("\n") for block in _BLOCK.findall(reply)]
    return next((block for block in blocks if "def " in block), blocks[0] if blocks else reply)


AGENT = Rules(turns=5, space=code_only("humaneval"))
PLAIN = one_reply("humaneval", program_in)


def tasks(
    wanted: str, rules: Rules, knowing: Callable[[Row], Mapping[str, Oracle]], /, *, data: JSON = None
) -> Sequence[Task]:
    """All functions of a file. `wanted` follows each of them, `knowing` makes an oracle of its solution.

    Raises:
        UsageError: no such file, or a line of it is no task of HumanEval.
    """
    return [
        Task(
            id=f"HumanEval/{row.id}",
            domain="humaneval",
            prompt=f"Complete this function:\n\n```python\n{row.prompt.strip()}\n```\n\n{wanted}",
            open=partial(_open, row),
            judge=proved,
            oracles=knowing(row),
            rules=rules,
            labels={"source": "HumanEval", "licence": "MIT"},
        )
        for row in _rows(data)
    ]


def _in_code(row: Row) -> Mapping[str, Oracle]:
    return {"code": Cells([f"final_answer({row.solution!r})"])}


def _in_words(row: Row) -> Mapping[str, Oracle]:
    return {"text": Stated(row.solution)}


@asynccontextmanager
async def _open(row: Row, actions: str) -> AsyncGenerator[Environment]:
    """The head runs before the program: its imports are given, and a body alone, which goes on with it, is enough."""
    yield Proof(tests=row.tests, setup=row.prompt.rstrip())


def _rows(data: JSON) -> list[Row]:
    if not isinstance(data, str) or not data:
        raise UsageError(f"humaneval has no data of its own; remedy: data=FILE of {PUBLISHER}")
    path = Path(data) / "HumanEval.jsonl.gz" if Path(data).is_dir() else Path(data)
    numbered = jsonl.read_rows(path, Row, other="no task of HumanEval", remedy=f"take it from {PUBLISHER}")
    if not numbered:
        raise UsageError(f"{path} has no rows; remedy: take it from {PUBLISHER}")
    for number, row in numbered:
        if not row.entry_point and "\ncheck(" not in row.test:
            raise UsageError(f"line {number} of {path} is no task of HumanEval: nothing calls its tests")
    return [row for _, row in numbered]


SUITE = Suite(
    name="humaneval",
    summary="functions to be completed, from their publisher's file (needs data=FILE)",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(
            name="agent", summary="by code actions, up to five turns", tasks=partial(tasks, SOURCE, AGENT, _in_code)
        ),
        Profile(
            name="plain",
            summary="in one reply, without any action (--actions text)",
            tasks=partial(tasks, BLOCK, PLAIN, _in_words),
        ),
    ),
)
