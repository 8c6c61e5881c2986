"""The seam to a database. Whatever is written has been kept when the call returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from codeact.server.nouns import Chat, Deed, Run, SavedSession, Share, Told
from codeact.types import JSON


class Store(Protocol):
    """All methods raise `StoreError` where the database is gone, full, read-only or locked for long; nothing is half
    written then. What is about a chat or a run that is not there (any more) raises `NotFoundError`, and adding what is
    there already raises `ConflictError`. Moments need a time zone, and come back in UTC.

    A cancelled write is whole or has not begun: the cancellation waits for it, so a write in a cancelled scope is
    made too, and needs no shield.
    """

    # Chats. A chat is found only by its owner: another's id is as unknown as one that there never was.
    async def add_chat(self, chat: Chat) -> None: ...
    async def chat(self, id: str, *, owner: str) -> Chat | None: ...
    async def chats(
        self, owner: str, *, search: str = "", before: Chat | None = None, most: int = 50
    ) -> Sequence[Chat]:
        """By the last change, newest first. `search` looks for each of its words, in whatever case, in titles and in
        what users and agents said. `before` is the last one of the page before.

        Raises:
            QuotaError: a search took too long.
        """
        ...

    async def titled(self, owner: str, title: str) -> Chat | None:
        """The newest that has exactly this title."""
        ...

    async def change_chat(self, chat: Chat) -> None: ...
    async def delete_chat(self, id: str) -> None:
        """And its runs, events, shares, media and saved sessions. The audit log stays."""
        ...

    # Runs.
    async def add_run(self, run: Run) -> None: ...
    async def change_run(self, run: Run) -> None:
        """Once after each step, and at the end: status and trajectory."""
        ...

    async def run(self, chat: str, id: str) -> Run | None: ...
    async def runs(self, chat: str, *, trajectories: bool = True) -> Sequence[Run]:
        """In the order in which they were begun. Without the trajectories, which are long, the tree alone is read."""
        ...

    async def running(self, replica: str | None = None) -> Sequence[Run]:
        """All that have the status `running` in chats that nobody but `replica` holds (see `hold`): at its start, what
        a crash has interrupted, without the trajectories. Whoever ends such a run holds its chat first, because others
        may see it too.
        """
        ...

    # Events.
    async def tell(self, chat: str, run: str | None, events: Sequence[Mapping[str, JSON]]) -> Sequence[Told]:
        """All of them or none, one after the other; whoever sees a number has been able to see all before it."""
        ...

    async def told(self, chat: str, *, after: int = 0, most: int = 1000) -> Sequence[Told]: ...
    async def last_told(self, chat: str) -> Told | None: ...
    async def hear(self, hear: Callable[[str], None]) -> None:
        """Give the id of each chat in which something was told, by whichever process, until this is cancelled: as far
        as the database says so, and soon. Raises `StoreError`.
        """
        ...

    # Bytes that events refer to (figures, long outputs), by their sha256.
    async def keep_media(self, chat: str, digest: str, kind: str, data: bytes) -> None: ...
    async def media(self, chat: str, digest: str) -> tuple[str, bytes] | None: ...

    # Sleeping sessions.
    async def save_session(self, saved: SavedSession) -> None:
        """In the place of what the chat saved before."""
        ...

    async def saved_session(self, chat: str) -> SavedSession | None: ...

    async def used(self, owner: str) -> int:
        """Bytes of all that belongs to a user's chats: runs, the messages they followed, events, media, sleeping
        sessions. Asked before whatever takes room, so it is counted as things are written.
        """
        ...

    # Shares.
    async def add_share(self, share: Share) -> None: ...
    async def share(self, token: str) -> Share | None: ...
    async def shares(self, chat: str) -> Sequence[Share]: ...
    async def delete_share(self, token: str) -> None: ...

    # Users: a name, and the sha256 of a token. Tokens themselves are never kept.
    async def add_token(self, owner: str, digest: bytes, *, until: datetime | None = None) -> None:
        """Adding it again changes nothing; that of another user raises `ConflictError`. After `until` it may go."""
        ...

    async def owner_of(self, digest: bytes) -> str | None: ...
    async def delete_token(self, digest: bytes) -> None: ...
    async def forget_tokens(self, now: datetime) -> None:
        """Those that were good until some earlier moment."""
        ...

    # Audit.
    async def note(self, deed: Deed) -> None: ...
    async def deeds(self, *, owner: str | None = None, chat: str | None = None, most: int = 1000) -> Sequence[Deed]:
        """The newest first."""
        ...

    # Replicas: at any time a chat is awake in one process at most. A hold is a lease that ends by itself where the
    # process died; `hold` gives False while another has it, and makes the lease of its own holder last longer. It goes
    # by the database's clock, or by none (SQLite: the time since this machine was started, so a restart ends all).
    async def hold(self, chat: str, replica: str, *, seconds: float = 30.0) -> bool: ...
    async def holder(self, chat: str) -> str | None: ...
    async def let_go(self, chat: str, replica: str) -> None: ...

    async def ready(self) -> None:
        """Raises `StoreError` where nothing can be read and written: for the readiness endpoint."""
        ...


class OpensStore(Protocol):
    def __call__(self, address: str) -> AbstractAsyncContextManager[Store]: ...
