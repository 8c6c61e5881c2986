"""The failures of a PostgreSQL server in words: one sentence, without the password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import psycopg

from codeact.errors import NotFoundError, ServiceError, StoreError

_FOREIGN_KEY: Final = "23503"

# By SQLSTATE, or by its first two characters.
_WORDS: Final = {
    "25006": "is read-only",
    "40P01": "has stopped this transaction for another one's sake",
    "42501": "does not give this user the right; it has to own the schema 'codeact', or may make one",
    "42P01": "has lost its tables; remedy: bring them back from a copy, or start the service again without them",
    "53100": "has no room left on its disk",
    "53200": "has no memory left",
    "54": "cannot hold a single value of this size",
    "55P03": "is locked by another program",
    "57014": "has not answered within its time limit",
    "58": "cannot be read or written; its disk may be failing",
    "XX001": "is damaged; remedy: bring back a copy of it",
    "XX002": "is damaged; remedy: REINDEX, or bring back a copy of it",
}


def named(parameters: Mapping[str, str]) -> str:
    """The database, by what may be shown of its address."""
    place = f" at {parameters['host']}" if parameters.get("host") else ""
    name = parameters.get("dbname") or parameters.get("user")
    return f"the database {name!r}{place}" if name else f"the database{place}"


def failed(error: psycopg.Error, parameters: Mapping[str, str]) -> ServiceError:
    state = error.sqlstate or ""  # none where there is no connection, or no longer
    if state == _FOREIGN_KEY:
        return NotFoundError("there is no such chat")
    words = _WORDS.get(state) or _WORDS.get(state[:2])
    if words is None:
        verb = "cannot be reached" if isinstance(error, psycopg.OperationalError) else "failed"
        words = f"{verb}: {_reason(error, parameters)}"
    return StoreError(f"{named(parameters)} {words}")


def _reason(error: psycopg.Error, parameters: Mapping[str, str]) -> str:
    """The first line of what libpq says. It never shows a password; should it ever, it is not shown here."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    line = re.sub(r"^connection (failed|is bad): ", "", line)
    password = parameters.get("password")
    return line.replace(password, "***") if password else line
