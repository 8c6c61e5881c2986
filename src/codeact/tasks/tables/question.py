"""What the questions of all sources have in common: how they are asked, by which rules, and the world they are asked in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from codeact.tasks.base import Environment, Rules
from codeact.tasks.formats import code_only
from codeact.tasks.tables.table import Form, Table, head_of, setup_of
from codeact.tools import ToolSource

RULES = Rules(
    turns=5,
    attempts=2,
    try_again="Your answer is wrong. Look at the data again, and answer once more.",
    space=code_only("tables"),
)
BARE = (
    "Answer with the value alone, as it is in the table where it is taken from there; several values are a list: "
    '`final_answer(["A", "B"])`.'
)
_THERE: dict[Form, str] = {
    "sql": "It is the table `data_table` of a SQLite database, which is open already as `conn` (of Python's sqlite3). Query it with SQL.",
    "pandas": "It is loaded already as the DataFrame `df`; pandas is imported as `pd`. Query it with pandas.",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A world with a table in the session, and no tools."""

    session_setup: str
    tools: Sequence[ToolSource] = ()
    succeeded: bool | None = None


def desk(table: Callable[[], Table], form: Form) -> Callable[[str], AbstractAsyncContextManager[Environment]]:
    """What opens the world of a question about this table; its code is made when it is needed."""

    @asynccontextmanager
    async def open_desk(actions: str) -> AsyncGenerator[Environment]:
        yield Desk(setup_of(table(), form))

    return open_desk


def asked(question: str, table: Table, form: Form) -> str:
    rows = len(table.rows)
    return (
        f"There is a table of {rows} row{'s' if rows != 1 else ''}. {_THERE[form]} It begins like this:\n\n{head_of(table)}\n\n"
        f"Question: {question}\n\n{BARE}"
    )
