"""The tables, for SQLite and PostgreSQL alike, and how a database of an earlier version becomes one of this version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from codeact.errors import StoreError
from codeact.server.store.work import Statement, Steps, Work

MARK: Final = "codeact_store"  # the table that says whose database this is

# What each version adds to the one before. Moments are microseconds since 1970, in UTC; JSON is text, because both
# databases keep it unchanged then. A version that has been released is never edited.
VERSIONS: Final[Sequence[Sequence[str]]] = (
    (
        """
        CREATE TABLE chats (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            title TEXT NOT NULL,
            heading TEXT NOT NULL,              -- the title, as it is searched
            settings TEXT NOT NULL,
            head TEXT,
            created BIGINT NOT NULL,
            changed BIGINT NOT NULL,
            begun BIGINT NOT NULL DEFAULT 0,    -- how many runs there have been
            told BIGINT NOT NULL DEFAULT 0      -- the number of the last event
        )
        """,
        "CREATE INDEX chats_by_change ON chats (owner, changed, id)",
        """
        CREATE TABLE runs (
            chat TEXT NOT NULL REFERENCES chats ON DELETE CASCADE,
            id TEXT NOT NULL,                   -- of its trajectory; a fork of the chat may have the same
            number BIGINT NOT NULL,
            parent TEXT,
            text TEXT NOT NULL,
            files TEXT NOT NULL,
            status TEXT NOT NULL,
            created BIGINT NOT NULL,
            trajectory TEXT,                    -- its prompt as digests of messages
            said TEXT NOT NULL,                 -- by the user and the agent, as it is searched
            PRIMARY KEY (chat, id),
            UNIQUE (chat, number)
        )
        """,
        "CREATE INDEX runs_going_on ON runs (chat) WHERE status = 'running'",
        """
        CREATE TABLE messages (                 -- of the prompts of a chat's runs, each once
            chat TEXT NOT NULL REFERENCES chats ON DELETE CASCADE,
            digest TEXT NOT NULL,
            message TEXT NOT NULL,
            PRIMARY KEY (chat, digest)
        )
        """,
        """
        CREATE TABLE events (
            chat TEXT NOT NULL REFERENCES chats ON DELETE CASCADE,
            number BIGINT NOT NULL,
            run TEXT,
            event TEXT NOT NULL,
            at BIGINT NOT NULL,
            PRIMARY KEY (chat, number)
        )
        """,
        """
        CREATE TABLE media (
            chat TEXT NOT NULL REFERENCES chats ON DELETE CASCADE,
            digest TEXT NOT NULL,
            kind TEXT NOT NULL,
            data {bytes} NOT NULL,
            PRIMARY KEY (chat, digest)
        )
        """,
        """
        CREATE TABLE saved_sessions (
            chat TEXT PRIMARY KEY REFERENCES chats ON DELETE CASCADE,
            head TEXT,
            state {bytes},
            files {bytes} NOT NULL,
            skipped TEXT NOT NULL,
            saved BIGINT NOT NULL
        )
        """,
        """
        CREATE TABLE shares (
            token TEXT PRIMARY KEY,
            chat TEXT NOT NULL REFERENCES chats ON DELETE CASCADE,
            head TEXT NOT NULL,
            created BIGINT NOT NULL
        )
        """,
        "CREATE INDEX shares_of_chat ON shares (chat, created)",
        "CREATE TABLE tokens (digest {bytes} PRIMARY KEY, owner TEXT NOT NULL)",
        """
        CREATE TABLE deeds (
            number {counter},
            at BIGINT NOT NULL,
            owner TEXT NOT NULL,
            chat TEXT,                          -- no reference: the audit log outlives the chat
            what TEXT NOT NULL,
            detail TEXT NOT NULL
        )
        """,
        "CREATE INDEX deeds_of_owner ON deeds (owner, number)",
        "CREATE INDEX deeds_of_chat ON deeds (chat, number)",
        """
        CREATE TABLE holds (
            chat TEXT PRIMARY KEY REFERENCES chats ON DELETE CASCADE,
            replica TEXT NOT NULL,
            clock TEXT NOT NULL,                -- by which `ends` is meant: a lease by another clock has ended
            ends DOUBLE PRECISION NOT NULL      -- seconds of that clock
        )
        """,
    ),
    (  # what takes room is counted as it is written; what there is already by its length, be that of characters
        "ALTER TABLE chats ADD COLUMN size BIGINT NOT NULL DEFAULT 0",  # of all that belongs to it
        "ALTER TABLE runs ADD COLUMN size BIGINT NOT NULL DEFAULT 0",  # of the two that change
        "ALTER TABLE saved_sessions ADD COLUMN size BIGINT NOT NULL DEFAULT 0",
        "UPDATE runs SET size = LENGTH(text) + LENGTH(files) + COALESCE(LENGTH(trajectory), 0) + LENGTH(said)",
        "UPDATE saved_sessions SET size = LENGTH(files) + COALESCE(LENGTH(state), 0) + LENGTH(skipped)",
        *(
            f"UPDATE chats SET size = size + (SELECT COALESCE(SUM({size}), 0) FROM {table} WHERE chat = chats.id)"
            for table, size in (
                ("runs", "runs.size"),
                ("saved_sessions", "saved_sessions.size"),
                ("messages", "LENGTH(message)"),
                ("events", "LENGTH(event)"),
                ("media", "LENGTH(data)"),
            )
        ),
    ),
    ("ALTER TABLE tokens ADD COLUMN until BIGINT",),  # of a cookie; a token is good until it is taken back
    ("ALTER TABLE chats ADD COLUMN by_hand BIGINT NOT NULL DEFAULT 0",),  # see `Chat`
)


def bring_up(versions: Sequence[Sequence[str]] = VERSIONS) -> Work[None]:
    """Make an empty database, or one of an earlier version, one of the last of `versions`.

    The work raises `StoreError` for a database of a newer version, and for one that holds another program's tables.
    """

    def work() -> Steps[None]:
        tables = {str(name) for (name,) in (yield Statement("SELECT name FROM {tables}"))}
        if MARK not in tables:
            _require_empty(tables)
            yield Statement(f"CREATE TABLE {MARK} (version BIGINT NOT NULL, tried BIGINT NOT NULL)")
            yield Statement(f"INSERT INTO {MARK} VALUES (0, 0)")
        ((version,),) = yield Statement(f"SELECT version FROM {MARK}")
        _require_known(version, len(versions))
        for statements in versions[version:]:
            for statement in statements:
                yield Statement(statement)
        if version < len(versions):
            yield Statement(f"UPDATE {MARK} SET version = ?", (len(versions),))

    return work


def _require_empty(tables: set[str]) -> None:
    if tables:
        some = ", ".join(sorted(tables)[:3])
        raise StoreError(
            f"the database belongs to another program (it has the tables {some}); remedy: name another one"
        )


def _require_known(version: int, newest: int) -> None:
    if version > newest:
        raise StoreError(
            f"the database was written by a newer codeact (schema version {version}; this one knows {newest}); "
            "remedy: pip install --upgrade codeact"
        )
