"""What happens in a chat, told: first into the store's log, then to whoever listens.

A listener has no queue. It reads on from the last number it has seen: from the newest rows, which all listeners share,
or, where it has fallen behind them, from the store. So a slow one costs no memory, and misses and repeats nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice

import anyio
from anyio.abc import TaskGroup

from codeact.errors import NotFoundError, StoreError
from codeact.server.enduring import log
from codeact.server.nouns import Told
from codeact.server.store.base import Store
from codeact.server.wire import Medium
from codeact.types import JSON

PAUSE = 0.05  # seconds that an event waits for others, with which it becomes fewer rows
AGAIN = 1.0  # seconds until the next try to write after the store has failed
ELSEWHERE = 2.0  # seconds between two looks at what another process may have told
_NEWEST = 100  # rows that are kept at hand
_PAGE = 25  # rows that are read at once: what a listener who does not read holds of them, each up to 64 KiB
_AT_ONCE = frozenset({"run_ended", "approval_asked", "question_asked"})  # somebody waits for these
_MOST_WAITING = 4_000_000  # characters of pieces of text; more are left out, since each comes again in one whole

_PIECES = {"text_delta": ("reasoning",), "output_chunk": ("stream",)}  # what of two pieces must agree to be joined


@dataclass(slots=True)
class _Waiting:
    run: str | None
    event: dict[str, JSON]
    media: Sequence[Medium]
    number: int  # of all that were said to be told

    @property
    def size(self) -> int:
        """Characters of a piece; 0 for all else."""
        return len(self.event["text"]) if self.event["kind"] in _PIECES else 0


@dataclass(slots=True, weakref_slot=True)
class Telling:
    """The log of one chat, its writer and its listeners."""

    chat: str
    store: Store
    tasks: TaskGroup
    listeners: int = 0
    muted: bool = False  # the log is another process's now
    ended: bool = False  # the chat has been deleted: listeners leave
    problem: str = ""  # why the newest events could not be written so far
    _waiting: deque[_Waiting] = field(default_factory=deque[_Waiting])
    _pieces: int = 0  # characters of the pieces that wait
    _said: int = 0
    _written: int = 0
    _failed: int = 0  # tries to write
    _writing: bool = False
    _newest: deque[Told] = field(default_factory=lambda: deque[Told](maxlen=_NEWEST))
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _hurry: anyio.Event = field(default_factory=anyio.Event)  # somebody waits for the log

    def tell(self, run: str | None, event: dict[str, JSON], media: Sequence[Medium] = ()) -> None:
        """Take an event into the log, soon; does not wait."""
        if self.muted or self._joined(run, event):
            return
        self._said += 1
        self._waiting.append(_Waiting(run, event, media, self._said))
        if event["kind"] in _AT_ONCE:
            self._hurry.set()
        if not self._writing:
            self._writing = True
            self.tasks.start_soon(self._write)

    async def flushed(self) -> None:
        """Until all that was told so far is in the log. Raises `StoreError` when it cannot be written now, by a try of
        its own: that it could not be written before says nothing.
        """
        wanted, failed = self._said, self._failed
        self._hurry.set()
        while self._written < wanted:
            if self._failed > failed:
                raise StoreError(self.problem)
            await self._changed.wait()

    @asynccontextmanager
    async def listen(self, *, after: int = 0) -> AsyncGenerator[AsyncIterator[Told]]:
        """All events with a higher number, then those to come; it ends where the chat has been deleted, also by another
        process. The iterator raises `StoreError`.
        """
        self.listeners += 1
        try:
            async with aclosing(self._follow(after)) as events:
                yield events
        finally:
            self.listeners -= 1

    def end(self) -> None:
        """Nothing more will be told."""
        self.ended = True
        self._announce()

    def look(self) -> None:
        """Another process may have told something: listeners look for it now."""
        self._announce()

    def rest(self) -> None:
        """From now on another process may tell: nothing at hand counts as the newest."""
        self._newest.clear()

    async def _follow(self, number: int) -> AsyncGenerator[Told]:
        had = not await self._is_empty()  # its log
        while not self.ended:
            changed = self._changed
            rows = await self._since(number)
            for told in rows:
                had, number = True, told.number
                yield told
            if not rows:
                with anyio.move_on_after(ELSEWHERE) as waited:
                    await changed.wait()
                if waited.cancelled_caught and had and await self._is_empty():
                    return

    async def _is_empty(self) -> bool:
        """Whether nothing is in the log: nothing was told so far, or the chat has been deleted."""
        return not self._newest and await self.store.last_told(self.chat) is None

    async def _since(self, number: int) -> Sequence[Told]:
        newest = self._newest
        if newest and newest[0].number <= number + 1:
            return list(islice((told for told in newest if told.number > number), _PAGE))
        return await self.store.told(self.chat, after=number, most=_PAGE)

    def _joined(self, run: str | None, event: Mapping[str, JSON]) -> bool:
        """Whether a piece of text became part of the one before, or was left out."""
        agree = _PIECES.get(event["kind"])
        if agree is None:
            return False
        if self._pieces + len(event["text"]) > _MOST_WAITING:
            return True
        self._pieces += len(event["text"])
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.run != run or any(last.event.get(key) != event[key] for key in ("kind", *agree)):
            return False
        last.event["text"] += event["text"]
        return True

    async def _write(self) -> None:
        try:
            while self._waiting:
                with anyio.move_on_after(PAUSE):
                    await self._hurry.wait()
                batch, self._waiting = self._waiting, deque[_Waiting]()
                self._hurry = anyio.Event()
                try:
                    await self._write_all(batch)
                    self.problem = ""
                except NotFoundError:  # the chat has been deleted, and its log with it
                    self._written = batch[-1].number
                    self._announce()
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is no end of the other chats
                    self._waiting = batch + self._waiting
                    self.problem = _worded(error)
                    self._failed += 1
                    self._announce()
                    with anyio.move_on_after(AGAIN):
                        await self._hurry.wait()
        finally:
            self._writing = False

    async def _write_all(self, batch: deque[_Waiting]) -> None:
        """Write and announce; what was written is taken out of the batch, also where the rest fails."""
        for run, group in groupby(list(batch), key=lambda waiting: waiting.run):
            await self._write_rows(batch, run, list(group))

    async def _write_rows(self, batch: deque[_Waiting], run: str | None, rows: Sequence[_Waiting]) -> None:
        """Where the store is well and they cannot be written, each by itself, and the one to blame is left out."""
        try:
            told = await self._kept(run, [waiting.event for waiting in rows], [waiting.media for waiting in rows])
        except (StoreError, NotFoundError):
            raise
        except Exception:  # noqa: BLE001 -- one event would be the end of the other chats
            if len(rows) > 1:
                for row in rows:
                    await self._write_rows(batch, run, [row])
                return
            log.exception("an event of the chat %s cannot be written, and is left out", self.chat)
            told = await self._kept(run, [{"kind": "left_out", "what": rows[0].event["kind"]}], [])
        for _ in rows:
            self._pieces -= batch.popleft().size
        self._newest.extend(told)
        self._written = rows[-1].number
        self._announce()

    async def _kept(
        self, run: str | None, events: Sequence[dict[str, JSON]], media: Iterable[Sequence[Medium]]
    ) -> Sequence[Told]:
        for medium in {medium.digest: medium for some in media for medium in some}.values():
            await self.store.keep_media(self.chat, medium.digest, medium.kind, medium.data)
        return await self.store.tell(self.chat, run, events)

    def _announce(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


def _worded(error: Exception) -> str:
    if isinstance(error, StoreError):
        return str(error)
    log.error("events cannot be written", exc_info=error)
    return f"the service failed ({type(error).__name__})"
