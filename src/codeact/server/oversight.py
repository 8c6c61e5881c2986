"""What is seen to before each reply of a room's model and before each of its actions.

That everything so far is kept, that there is processor time left, that a person agrees where that is asked for, and
that the audit log knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import anyio

from codeact.errors import ConflictError
from codeact.sandbox.asking import Question
from codeact.sandbox.base import Session
from codeact.server.asking import Asking
from codeact.server.metering import Meter
from codeact.server.nouns import Chat, Settings
from codeact.server.recording import Recording
from codeact.server.replica import uptime
from codeact.server.shared import Shared
from codeact.server.telling import Telling
from codeact.server.wire import Wire, shortened
from codeact.types import JSON, CodeAction, ToolCall, ToolCalls

_CODE = 2000  # characters of an action in the audit log


@dataclass(slots=True)
class Oversight:
    """Of one room. Its methods are the hooks of the room's agent."""

    shared: Shared
    telling: Telling
    chat: Chat
    recording: Recording | None = None  # of the run going on
    held: float = field(default_factory=uptime)  # when the chat's lease was last made longer
    _changing: anyio.Lock = field(default_factory=anyio.Lock)
    meter: Meter = field(init=False)
    asking: Asking = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.shared.ledger, self.chat.owner)
        self.asking = Asking(tell=self.tell, patience=self.shared.settings.answer_time)

    def tell(self, event: dict[str, JSON], wire: Wire | None = None) -> None:
        """Tell something of the run going on, or of the chat where there is none."""
        run = self.recording.run.id if self.recording else None
        self.telling.tell(run, event, tuple(wire.media.values()) if wire else ())

    async def change(self, how: Callable[[Chat], Chat]) -> None:
        """Change the chat here and in the store, one after the other. Raises `StoreError`; then it is as it was."""
        async with self._changing:
            changed = how(self.chat)
            await self.shared.store.change_chat(changed)
            self.chat = changed

    async def note_by_hand(self) -> None:
        """Before a cell or a file of the user's own: so what is lost of it can be told. Raises `StoreError`."""
        if not self.chat.by_hand:
            await self.change(lambda chat: replace(chat, by_hand=True))

    async def note(self, what: str, **detail: JSON) -> None:
        """Raises `StoreError`."""
        await self.shared.note(self.chat.owner, self.chat.id, what, **detail)

    async def before(self) -> None:
        """Before a reply. Raises what ends the run: `StoreError`, `QuotaError`, `ConflictError`."""
        await self.keep_hold()
        if self.recording is not None:
            await self.recording.kept()
        if self.telling.problem:  # perhaps no more
            await self.telling.flushed()
        self.meter.check()

    async def keep_hold(self) -> None:
        """Before a write: this process may have stood still for longer than its lease, or the database may have lost
        it, by a clock that was set or a server that took another's place. Raises as `hold`.
        """
        late = uptime() - self.held > self.shared.settings.lease
        if late or await self.shared.store.holder(self.chat.id) != self.shared.replica:
            await self.hold()

    async def hold(self) -> None:
        """Make the chat's lease longer. Raises `ConflictError` where another process has it meanwhile."""
        lease = self.shared.settings.lease
        if not await self.shared.store.hold(self.chat.id, self.shared.replica, seconds=lease):
            raise ConflictError("this chat has been woken by another process of the service")
        self.held = uptime()

    async def approve(self, subject: CodeAction | ToolCalls | ToolCall) -> bool | str:
        """Before an action, or a call of a tool that asks for it."""
        await self.before()
        if isinstance(subject, ToolCall) or self.chat.settings.approve:
            agreed, reason = await self.asking.approval(subject)
            if not agreed:
                return reason or False
        run = self.recording.run.id if self.recording else None
        await self.note("tool call" if isinstance(subject, ToolCall) else "action", run=run, **_described(subject))
        return True

    async def answer(self, question: Question) -> str | None:
        """When code asks for a line."""
        return await self.asking.answer(question)

    def charge(self, session: Session | None) -> None:
        """See `Meter.charge`."""
        self.meter.charge(session)


def changes(before: Settings, after: Settings) -> dict[str, JSON]:
    """What settings differ in, as the audit log has it."""
    plain, was = Wire().plain(after), Wire().plain(before)
    return {
        name: shortened(value[:_CODE]) if isinstance(value, str) else value
        for name, value in plain.items()
        if value != was[name]
    }


def _described(subject: CodeAction | ToolCalls | ToolCall) -> dict[str, JSON]:
    match subject:
        case CodeAction(code):
            return {"code": shortened(code[:_CODE])}
        case ToolCalls(calls):
            return {"calls": [call.name for call in calls]}
        case ToolCall(name):
            return {"calls": [name]}
