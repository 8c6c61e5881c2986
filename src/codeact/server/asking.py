"""What a person is asked while a run goes on: to approve an action, or to answer its code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

import anyio

from codeact.errors import ConflictError, NotFoundError
from codeact.sandbox.asking import Question
from codeact.server.wire import Wire
from codeact.types import JSON, CodeAction, ToolCall, ToolCalls

_LONGEST_PROMPT = 4000  # characters

How = Literal["approved", "refused", "answered", "declined", "timed_out", "withdrawn"]


@dataclass(slots=True)
class _Open:
    kind: Literal["approval", "question"]
    settled: anyio.Event = field(default_factory=anyio.Event)
    how: How = "withdrawn"  # the run ended first
    text: str = ""  # of the answer, or why not


@dataclass(slots=True, kw_only=True)
class Asking:
    """The questions of one room that nobody has settled yet."""

    tell: Callable[[dict[str, JSON], Wire], None]
    patience: float  # seconds
    waiting: dict[str, _Open] = field(default_factory=dict[str, _Open])

    async def approval(self, subject: CodeAction | ToolCalls | ToolCall) -> tuple[bool, str]:
        """Whether it may be carried out, and if not why."""
        wire = Wire()
        found = await self._ask("approval", {"kind": "approval_asked", "subject": wire.plain(subject)}, wire)
        text = f"nobody decided within {self.patience:g} s" if found.how == "timed_out" else found.text
        return found.how == "approved", text

    async def answer(self, question: Question) -> str | None:
        """The person's line; None where there is none."""
        prompt = question.prompt[:_LONGEST_PROMPT]
        event: dict[str, JSON] = {"kind": "question_asked", "prompt": prompt, "secret": question.secret}
        found = await self._ask("question", event, Wire())
        return found.text if found.how == "answered" else None

    def decide(self, question: str, yes: bool, reason: str) -> None:
        """Raises `NotFoundError` where it is not open (any more), `ConflictError` where it asks for words."""
        self._settle(question, "approval", "approved" if yes else "refused", reason)

    def reply(self, question: str, text: str | None) -> None:
        """Raises `NotFoundError` where it is not open (any more), `ConflictError` where it asks for yes or no."""
        self._settle(question, "question", "declined" if text is None else "answered", text or "")

    def _settle(self, question: str, kind: Literal["approval", "question"], how: How, text: str) -> None:
        found = self.waiting.get(question)
        if found is None or found.settled.is_set():
            raise NotFoundError(f"the question {question!r} is not open (any more)")
        if found.kind != kind:
            raise ConflictError(f"the question {question!r} is of the kind {found.kind!r}, not {kind!r}")
        found.how, found.text = how, text
        found.settled.set()

    async def _ask(self, kind: Literal["approval", "question"], event: dict[str, JSON], wire: Wire) -> _Open:
        id, asked = uuid4().hex, _Open(kind)
        self.waiting[id] = asked
        self.tell({**event, "question": id}, wire)
        try:
            with anyio.move_on_after(self.patience) as limit:
                await asked.settled.wait()
            if limit.cancelled_caught and not asked.settled.is_set():
                asked.how = "timed_out"
            return asked
        finally:
            del self.waiting[id]
            self.tell({"kind": "question_settled", "question": id, "how": asked.how}, Wire())
