"""Chats and runs to keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from codeact.server.nouns import Chat, Run, SavedSession
from codeact.server.store import Store
from codeact.types import Answer, CodeAction, Completion, Message, Outcome, Reply, Step, Trajectory

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def a_chat(owner: str = "ada", *, minutes: int = 0, **fields: Any) -> Chat:
    """Changed so many minutes after noon."""
    changed = NOON + timedelta(minutes=minutes)
    return Chat(**{"id": uuid4().hex, "owner": owner, "created": NOON, "changed": changed, **fields})


def a_run(chat: Chat, text: str = "What is 6 times 7?", **fields: Any) -> Run:
    return Run(**{"id": uuid4().hex, "chat": chat.id, "parent": None, "text": text, "created": NOON, **fields})


def a_trajectory(run: Run, *, said: str = "I compute it.", answer: str = "42") -> Trajectory:
    completion = Completion(text=f"{said}\n```python\nfinal_answer(6 * 7)\n```")
    reply = Reply(action=CodeAction("final_answer(6 * 7)"), thought=said)
    return Trajectory(
        id=run.id,
        task=run.text,
        prompt=(Message.of("system", "Act by writing Python."), Message.of("user", run.text)),
        steps=(Step(number=1, completion=completion, reply=reply, started=NOON),),
        outcome=Outcome(status="answered", answer=Answer(answer, value=42)),
        created=NOON,
    )


async def fill(store: Store) -> None:
    """With something of everything that is counted."""
    chat = a_chat()
    await store.add_chat(chat)
    run = a_run(chat)
    await store.add_run(run)
    await store.change_run(replace(run, trajectory=a_trajectory(run)))
    await store.tell(chat.id, run.id, [{"kind": "run_begun"}])
    await store.keep_media(chat.id, "d", "image/png", bytes(100))
    await store.save_session(SavedSession(chat=chat.id, head=None, state=b"s", files=b"f", skipped={}, saved=NOON))


async def fill_to_search(store: Store) -> str:
    """With so much that a search for what it returns takes more than a moment."""
    chat = a_chat()
    await store.add_chat(chat)
    for _ in range(400):
        await store.add_run(a_run(chat, "lorem ipsum " * 1000))
    return "ipsum lorem nowhere"


# Makes a database one of the first version again, which counted nothing.
UNCOUNTED = (
    *(f"ALTER TABLE {table} DROP COLUMN size" for table in ("chats", "runs", "saved_sessions")),
    "ALTER TABLE tokens DROP COLUMN until",
    "ALTER TABLE chats DROP COLUMN by_hand",
    "UPDATE codeact_store SET version = 1",
)
