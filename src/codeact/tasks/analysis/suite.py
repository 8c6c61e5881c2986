"""The suite: questions about a file that lies in the session's folder, from a seed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from codeact.tasks.analysis.questions import KINDS
from codeact.tasks.analysis.sheet import Sheet, sheet
from codeact.tasks.analysis.told import Told
from codeact.tasks.base import Environment, Profile, Rules, Suite, Task
from codeact.tasks.oracle import Cells
from codeact.tasks.turns import kinds_in_turn
from codeact.tools import ToolSource

RULES = Rules(turns=12, attempts=2)


@dataclass(frozen=True, slots=True)
class Desk:
    """A session with the file in it, and no tools."""

    session_setup: str
    tools: Sequence[ToolSource] = ()
    succeeded: bool | None = None


def tasks(*, seed: int = 0, count: int = 40, kinds: str | Sequence[str] = tuple(KINDS)) -> Sequence[Task]:
    """`count` questions, whose kinds take turns.

    Raises:
        UsageError: no such kind, or a count below 1.
    """
    names = kinds_in_turn("analysis", KINDS, kinds, count)
    return tuple(_task(kind, seed, number) for number, kind in enumerate(names))


def _task(kind: str, seed: int, number: int) -> Task:
    id = f"{kind}/{seed}.{number}"
    rng = Random(id)  # noqa: S311 -- not for secrets; a text seeds the same everywhere
    drawn = sheet(rng)
    question = KINDS[kind](rng, drawn)
    return Task(
        id=id,
        domain=kind,
        prompt=f"{drawn.subject.file} is in your folder. {question.text}",
        open=_desk(drawn),
        judge=Told(numbers=question.numbers, name=question.name, names=question.names),
        oracles={"code": Cells(question.cells, question.answer)},
        rules=RULES,
        labels={"source": "codeact/analysis", "licence": "own", "rows": len(drawn.days)},
    )


def _desk(drawn: Sheet) -> Callable[[str], AbstractAsyncContextManager[Environment]]:
    setup = f"__import__('pathlib').Path({drawn.subject.file!r}).write_text({drawn.text!r})\n"

    @asynccontextmanager
    async def open_desk(actions: str) -> AsyncGenerator[Environment]:
        yield Desk(setup)

    return open_desk


SUITE = Suite(
    name="analysis",
    summary="questions about a file of data: pandas, scikit-learn and matplotlib, answered in words",
    readme=Path(__file__).with_name("README.md"),
    profiles=(Profile(name="generated", summary="from a seed", tasks=tasks),),
)
