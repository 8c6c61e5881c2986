"""The store on a database that speaks SQL: what each of its methods asks of it, in one place for all of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from anyio import CancelScope, fail_after, to_thread

from codeact.errors import ConflictError, NotFoundError
from codeact.server.nouns import Chat, Deed, Run, SavedSession, Share, Told
from codeact.server.store import columns
from codeact.server.store.columns import CHAT, DEED, RUN, SAVED, SHARE, TOLD, RunRow, micros
from codeact.server.store.schema import MARK
from codeact.server.store.work import Database, Hear, Row, Rows, Statement, Steps, ask, once, weight
from codeact.types import JSON

T = TypeVar("T")

WORDS: Final = 16  # of a search; what follows them is not looked for
_BARE_RUN: Final = RUN.replace("trajectory", "NULL")
_AWAKE: Final = "holds.clock = {clock} AND holds.ends > {now}"


@asynccontextmanager
async def store_in(database: Database) -> AsyncGenerator[SqlStore]:
    """The store in a database, which is open for the block. Raises `StoreError` where it cannot be used."""
    try:
        await database.open()
        yield SqlStore(database)
    finally:
        with CancelScope(shield=True):
            await database.close()


class SqlStore:
    """A `Store`. Opened by `open_store`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- chats ------------------------------------------------------------------------------------

    async def add_chat(self, chat: Chat) -> None:
        row = (*columns.chat_row(chat), columns.searched(chat.title))
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO chats ({CHAT}, heading) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING id"
        _require_new(await self._database.write(once(sql, *row)), f"the chat {chat.id!r}")

    async def chat(self, id: str, *, owner: str) -> Chat | None:
        rows = await self._ask(f"SELECT {CHAT} FROM chats WHERE id = ? AND owner = ?", id, owner)
        return _first(rows, columns.chat_of)

    async def chats(
        self, owner: str, *, search: str = "", before: Chat | None = None, most: int = 50
    ) -> Sequence[Chat]:
        wanted, values = ["owner = ?"], list[Any]([owner])
        if before is not None:
            wanted.append("(changed, id) < (?, ?)")
            values += [micros(before.changed), before.id]
        for word in columns.searched(search).split()[:WORDS]:
            wanted.append(
                "({find}(heading, ?) > 0 OR EXISTS "
                "(SELECT 1 FROM runs WHERE runs.chat = chats.id AND {find}(runs.said, ?) > 0))"
            )
            values += [word, word]
        sql = f"SELECT {CHAT} FROM chats WHERE {' AND '.join(wanted)} ORDER BY changed DESC, id DESC LIMIT ?"
        work = ask(sql, *values, _bounded(most))
        rows = await (self._database.search(work) if search.strip() else self._database.read(work))
        return [columns.chat_of(row) for row in rows]

    async def titled(self, owner: str, title: str) -> Chat | None:
        sql = f"SELECT {CHAT} FROM chats WHERE owner = ? AND title = ? ORDER BY changed DESC, id DESC LIMIT 1"
        return _first(await self._ask(sql, owner, title), columns.chat_of)

    async def change_chat(self, chat: Chat) -> None:
        _, _, title, settings, head, by_hand, _, changed = columns.chat_row(chat)
        changes = "title = ?, heading = ?, settings = ?, head = ?, by_hand = ?, changed = ?"
        sql = f"UPDATE chats SET {changes} WHERE id = ? RETURNING id"
        values = (title, columns.searched(title), settings, head, by_hand, changed, chat.id)
        _require_found(await self._database.write(ask(sql, *values)), f"chat {chat.id!r}")

    async def delete_chat(self, id: str) -> None:
        await self._database.write(ask("DELETE FROM chats WHERE id = ?", id))

    # --- runs -------------------------------------------------------------------------------------

    async def add_run(self, run: Run) -> None:
        parts = await _apart(run)

        def work() -> Steps[None]:
            sql = "UPDATE chats SET begun = begun + 1 WHERE id = ? RETURNING begun"
            number = _require_found((yield Statement(sql, (run.chat,))), f"chat {run.chat!r}")
            sql = (
                f"INSERT INTO runs ({RUN}, said, size, number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING RETURNING id"
            )
            _require_new((yield Statement(sql, (*parts.row, parts.said, parts.size, number))), f"the run {run.id!r}")
            yield from _grow(run.chat, parts.size + (yield from _keep_messages(run.chat, parts.messages)))

        await self._database.write(work)

    async def change_run(self, run: Run) -> None:
        parts = await _apart(run)
        *_, status, _, trajectory = parts.row

        def work() -> Steps[None]:
            yield from _lock(run.chat)  # first the chat, then its run: as deleting does
            rows = yield Statement("SELECT size FROM runs WHERE chat = ? AND id = ?", (run.chat, run.id))
            before = _require_found(rows, f"run {run.id!r}")
            sql = "UPDATE runs SET status = ?, trajectory = ?, said = ?, size = ? WHERE chat = ? AND id = ?"
            yield Statement(sql, (status, trajectory, parts.said, parts.size, run.chat, run.id))
            yield from _grow(run.chat, parts.size - before + (yield from _keep_messages(run.chat, parts.messages)))

        await self._database.write(work)

    async def run(self, chat: str, id: str) -> Run | None:
        found = await self._whole_runs(chat, f"SELECT {RUN} FROM runs WHERE chat = ? AND id = ?", chat, id)
        return found[0] if found else None

    async def runs(self, chat: str, *, trajectories: bool = True) -> Sequence[Run]:
        if trajectories:
            return await self._whole_runs(chat, f"SELECT {RUN} FROM runs WHERE chat = ? ORDER BY number", chat)
        rows = await self._ask(f"SELECT {_BARE_RUN} FROM runs WHERE chat = ? ORDER BY number", chat)
        return [columns.run_of(row) for row in rows]

    async def running(self, replica: str | None = None) -> Sequence[Run]:
        sql = (
            f"SELECT {_BARE_RUN} FROM runs WHERE status = 'running' AND NOT EXISTS "
            f"(SELECT 1 FROM holds WHERE holds.chat = runs.chat AND {_AWAKE} AND holds.replica <> ?) "
            "ORDER BY created, chat, number"
        )
        return [columns.run_of(row) for row in await self._ask(sql, replica or "")]

    async def _whole_runs(self, chat: str, sql: str, *values: Any) -> Sequence[Run]:
        def work() -> Steps[tuple[Rows, Rows]]:
            rows = yield Statement(sql, values)
            return rows, (yield Statement("SELECT digest, message FROM messages WHERE chat = ?", (chat,)))

        def made() -> Sequence[Run]:
            by_digest = dict[str, str](messages)
            return [columns.run_of(row, by_digest) for row in rows]

        rows, messages = await self._database.read(work)
        return await to_thread.run_sync(made)

    # --- events -----------------------------------------------------------------------------------

    async def tell(self, chat: str, run: str | None, events: Sequence[Mapping[str, JSON]]) -> Sequence[Told]:
        if not events:
            return []
        at = columns.moment(micros(datetime.now(UTC)))
        texts = [columns.to_json(dict(event)) for event in events]

        def work() -> Steps[Sequence[Told]]:
            sql = "UPDATE chats SET told = told + ?, size = size + ? WHERE id = ? RETURNING told{say}"
            values = (len(events), weight(tuple(texts)), chat)
            last = _require_found((yield Statement(sql, values)), f"chat {chat!r}")  # others wait here until our end
            numbers = range(last - len(events) + 1, last + 1)
            rows = [(number, run, text, micros(at), chat) for number, text in zip(numbers, texts, strict=True)]
            yield Statement(f"INSERT INTO events ({TOLD}, chat) VALUES (?, ?, ?, ?, ?)", many=rows)
            return [Told(number=n, run=run, event=event, at=at) for n, event in zip(numbers, events, strict=True)]

        return await self._database.write(work)

    async def told(self, chat: str, *, after: int = 0, most: int = 1000) -> Sequence[Told]:
        sql = f"SELECT {TOLD} FROM events WHERE chat = ? AND number > ? ORDER BY number LIMIT ?"
        return [columns.told_of(row) for row in await self._ask(sql, chat, _bounded(after), _bounded(most))]

    async def hear(self, hear: Hear) -> None:
        await self._database.hear(hear)

    async def last_told(self, chat: str) -> Told | None:
        sql = f"SELECT {TOLD} FROM events WHERE chat = ? ORDER BY number DESC LIMIT 1"
        return _first(await self._ask(sql, chat), columns.told_of)

    # --- media, sleeping sessions, shares ---------------------------------------------------------

    async def keep_media(self, chat: str, digest: str, kind: str, data: bytes) -> None:
        def work() -> Steps[None]:
            yield from _lock(chat)
            sql = (
                "INSERT INTO media (chat, digest, kind, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING "
                "RETURNING digest"
            )
            if (yield Statement(sql, (chat, digest, kind, data))):
                yield from _grow(chat, len(data))

        await self._database.write(work)

    async def media(self, chat: str, digest: str) -> tuple[str, bytes] | None:
        rows = await self._ask("SELECT kind, data FROM media WHERE chat = ? AND digest = ?", chat, digest)
        return _first(rows, lambda row: (row[0], row[1]))

    async def save_session(self, saved: SavedSession) -> None:
        changes = ", ".join(f"{name} = excluded.{name}" for name in SAVED.split(", ")[1:])
        sql = (
            f"INSERT INTO saved_sessions ({SAVED}, size) VALUES (?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT (chat) DO UPDATE SET {changes}, size = excluded.size"
        )
        row = columns.saved_row(saved)
        size = weight((saved.state, saved.files, columns.to_json(dict(saved.skipped))))

        def work() -> Steps[None]:
            yield from _lock(saved.chat)
            before = yield Statement("SELECT size FROM saved_sessions WHERE chat = ?", (saved.chat,))
            yield Statement(sql, (*row, size))
            yield from _grow(saved.chat, size - (before[0][0] if before else 0))

        await self._database.write(work)

    async def saved_session(self, chat: str) -> SavedSession | None:
        rows = await self._ask(f"SELECT {SAVED} FROM saved_sessions WHERE chat = ?", chat)
        return _first(rows, columns.saved_of)

    async def used(self, owner: str) -> int:
        rows = await self._ask("SELECT COALESCE(SUM(size), 0) FROM chats WHERE owner = ?", owner)
        return int(str(rows[0][0]))  # a sum is a decimal number in PostgreSQL

    async def add_share(self, share: Share) -> None:
        sql = f"INSERT INTO shares ({SHARE}) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING token"
        _require_new(await self._database.write(once(sql, *columns.share_row(share))), "this share's token")

    async def share(self, token: str) -> Share | None:
        return _first(await self._ask(f"SELECT {SHARE} FROM shares WHERE token = ?", token), columns.share_of)

    async def shares(self, chat: str) -> Sequence[Share]:
        rows = await self._ask(f"SELECT {SHARE} FROM shares WHERE chat = ? ORDER BY created, token", chat)
        return [columns.share_of(row) for row in rows]

    async def delete_share(self, token: str) -> None:
        await self._database.write(ask("DELETE FROM shares WHERE token = ?", token))

    # --- users, audit -----------------------------------------------------------------------------

    async def add_token(self, owner: str, digest: bytes, *, until: datetime | None = None) -> None:
        row = owner, digest, None if until is None else micros(until)

        def work() -> Steps[Rows]:
            yield Statement("INSERT INTO tokens (owner, digest, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
            return (yield Statement("SELECT owner FROM tokens WHERE digest = ? AND owner = ?", (digest, owner)))

        _require_new(await self._database.write(work), "this token, of another user,")

    async def owner_of(self, digest: bytes) -> str | None:
        return _first(await self._ask("SELECT owner FROM tokens WHERE digest = ?", digest), lambda row: row[0])

    async def delete_token(self, digest: bytes) -> None:
        await self._database.write(ask("DELETE FROM tokens WHERE digest = ?", digest))

    async def forget_tokens(self, now: datetime) -> None:
        await self._database.write(ask("DELETE FROM tokens WHERE until < ?", micros(now)))

    async def note(self, deed: Deed) -> None:
        await self._database.write(once(f"INSERT INTO deeds ({DEED}) VALUES (?, ?, ?, ?, ?)", *columns.deed_row(deed)))

    async def deeds(self, *, owner: str | None = None, chat: str | None = None, most: int = 1000) -> Sequence[Deed]:
        wanted = {name: value for name, value in (("owner", owner), ("chat", chat)) if value is not None}
        where = f"WHERE {' AND '.join(f'{name} = ?' for name in wanted)}" if wanted else ""
        sql = f"SELECT {DEED} FROM deeds {where} ORDER BY number DESC LIMIT ?"
        return [columns.deed_of(row) for row in await self._ask(sql, *wanted.values(), _bounded(most))]

    # --- replicas ---------------------------------------------------------------------------------

    async def hold(self, chat: str, replica: str, *, seconds: float = 30.0) -> bool:
        sql = (
            "INSERT INTO holds (chat, replica, clock, ends) VALUES (?, ?, {clock}, {now} + ?) ON CONFLICT (chat) DO "
            "UPDATE SET replica = excluded.replica, clock = excluded.clock, ends = excluded.ends "
            f"WHERE holds.replica = excluded.replica OR NOT ({_AWAKE}) RETURNING replica"
        )
        return bool(await self._database.write(ask(sql, chat, replica, seconds)))

    async def holder(self, chat: str) -> str | None:
        rows = await self._ask(f"SELECT replica FROM holds WHERE chat = ? AND {_AWAKE}", chat)
        return _first(rows, lambda row: row[0])

    async def let_go(self, chat: str, replica: str) -> None:
        await self._database.write(ask("DELETE FROM holds WHERE chat = ? AND replica = ?", chat, replica))

    async def ready(self) -> None:
        await self._database.write(ask(f"UPDATE {MARK} SET tried = tried + 1"))

    async def _ask(self, sql: str, *values: Any) -> Rows:
        return await self._database.read(ask(sql, *values))


async def _apart(run: Run) -> RunRow:
    """On a thread, because a trajectory may be large; shielded, because all of a write is."""
    with fail_after(None, shield=True):
        return await to_thread.run_sync(columns.run_row, run)


def _lock(chat: str) -> Steps[None]:
    """Let all others who would write in a chat wait. Raises `NotFoundError`."""
    _require_found((yield Statement("SELECT id FROM chats WHERE id = ? {locked}", (chat,))), f"chat {chat!r}")


def _grow(chat: str, size: int) -> Steps[None]:
    """Count what was written in a chat, which is locked."""
    if size:
        yield Statement("UPDATE chats SET size = size + ? WHERE id = ?", (size, chat))


def _keep_messages(chat: str, messages: Mapping[str, str]) -> Steps[int]:
    """Those that are new, in a chat that is locked; how many bytes they are."""
    if not messages:
        return 0
    known = {digest for (digest,) in (yield Statement("SELECT digest FROM messages WHERE chat = ?", (chat,)))}
    new = [(chat, digest, message) for digest, message in messages.items() if digest not in known]
    if new:
        yield Statement("INSERT INTO messages (chat, digest, message) VALUES (?, ?, ?)", many=new)
    return sum(weight((message,)) for _, _, message in new)


def _first(rows: Rows, made: Callable[[Row], T]) -> T | None:
    return made(rows[0]) if rows else None


def _bounded(number: int) -> int:
    """As databases can hold it; what a client says that it has seen may be anything."""
    return min(max(number, 0), 2**63 - 1)


def _require_new(rows: Rows, what: str) -> None:
    if not rows:
        raise ConflictError(f"{what} is there already")


def _require_found(rows: Rows, what: str) -> Any:
    if not rows:
        raise NotFoundError(f"there is no {what}")
    return rows[0][0]
