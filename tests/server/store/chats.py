"""Chats and runs to keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from codeact.server.nouns import Chat, Run
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
