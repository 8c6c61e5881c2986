"""What is to be done with a database, written once for all of them.

A transaction is a generator: it yields statements and is sent their rows. So its steps stand in plain order in one
place, and who carries it out decides how: SQLite runs all of it on its thread, PostgreSQL awaits each statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from codeact.errors import QuotaError

SEARCH: Final = 5.0  # seconds that a search may take

T = TypeVar("T")
Row = tuple[Any, ...]
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Statement:
    """`?` stands for each value, and `{word}` for what the databases write differently."""

    sql: str
    values: Row = ()
    many: Sequence[Row] | None = None  # rows of values: the statement runs once for each, and gives no rows


Steps = Generator[Statement, Rows, T]
Work = Callable[[], Steps[T]]  # makes it anew for each try
Hear = Callable[[str], None]  # is given the id of a chat


class Database(Protocol):
    async def open(self) -> None:
        """Bring the schema up. Raises `StoreError`; `close` is called all the same."""
        ...

    async def close(self) -> None: ...

    async def read(self, work: Work[T]) -> T:
        """Raises `StoreError`, and what the work itself raises."""
        ...

    async def search(self, work: Work[T]) -> T:
        """As `read`, for what may take long: it keeps no other reader waiting. Raises `QuotaError` where it takes too
        long.
        """
        ...

    async def write(self, work: Work[T]) -> T:
        """All of it or nothing, and on the disk when this returns; a cancellation waits until then.

        Raises:
            StoreError: the database failed.
            NotFoundError: the chat that the work is about is not there.
        """
        ...

    async def hear(self, hear: Hear) -> None:
        """See `Store.hear`."""
        ...


def too_long(seconds: float) -> QuotaError:
    return QuotaError(f"the search took more than {seconds:g} seconds; look for fewer or other words")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words in which databases differ. All else is SQL that both SQLite and PostgreSQL understand."""

    words: Mapping[str, str]
    placeholder: str = "?"

    def written(self, sql: str) -> str:
        return sql.format_map(self.words).replace("?", self.placeholder)


@dataclass(frozen=True, slots=True)
class Ask:
    """The work that is a single statement. It may be carried out twice where the first answer was lost on the way, so
    it does no harm then; and it needs no transaction around it.
    """

    statement: Statement

    def __call__(self) -> Steps[Rows]:
        return (yield self.statement)


def ask(sql: str, *values: Any) -> Ask:
    return Ask(Statement(sql, values))


def once(sql: str, *values: Any) -> Work[Rows]:
    """The same of a statement that is carried out once or, where nobody can know, not again."""
    return Ask(Statement(sql, values)).__call__


# --- text -----------------------------------------------------------------------------------------

# A model may say NUL, which PostgreSQL keeps in no text, and half a surrogate pair, which UTF-8 has no bytes for. Both
# are written after an escape, which is doubled where it occurs itself: so any two texts stay different.
_ESCAPE = "\x10"
_UNFIT = re.compile(r"[\x00\x10\ud800-\udfff]")
_ESCAPED = re.compile(r"\x10(\x10|[0-9a-f]{4})")


def fit(row: Row) -> Row:
    """The values as databases can hold them."""
    return tuple(_UNFIT.sub(_escape, value) if isinstance(value, str) else value for value in row)


def weight(row: Row) -> int:
    """Bytes of the texts and bytes of a row, as databases hold them."""
    plain = [value.encode() if isinstance(value, str) else value for value in fit(row)]
    return sum(len(value) for value in plain if isinstance(value, bytes))


def unfit(row: Row) -> Row:
    """`fit`, undone."""
    return tuple(
        _ESCAPED.sub(_unescape, value) if isinstance(value, str) and _ESCAPE in value else value for value in row
    )


def _escape(found: re.Match[str]) -> str:
    return _ESCAPE * 2 if found[0] == _ESCAPE else f"{_ESCAPE}{ord(found[0]):04x}"


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPE if found[1] == _ESCAPE else chr(int(found[1], 16))
