"""A run written down as it goes: its events into the chat's log, its steps into the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import anyio

from codeact.errors import CodeActError
from codeact.events import ActionStarted, ApprovalAsked, Event, OutputChunk
from codeact.server.nouns import Run, RunStatus
from codeact.server.store.base import Store
from codeact.server.telling import Telling
from codeact.server.wire import LONGEST, Wire
from codeact.types import Outcome, OutcomeStatus, Step, Trajectory

_STATUS: Mapping[OutcomeStatus, RunStatus] = {"answered": "answered", "cancelled": "cancelled", "error": "error"}
CUT = "\n[… more output; it is in the action's result …]\n"


def message_of(problem: Exception) -> str:
    """For people. The text of what is no error of ours may hold anything of the host's."""
    return str(problem) if isinstance(problem, CodeActError) else f"the service failed ({type(problem).__name__})"


@dataclass(slots=True)
class Narrator:
    """An `emit` that tells the events of a run, or of a cell, which belongs to none."""

    telling: Telling
    run: str | None
    _shown: int = 0  # characters of output of the action going on

    def __call__(self, event: Event) -> None:
        match event:
            case ApprovalAsked():  # told by whoever asks, with the question's id
                return
            case ActionStarted():
                self._shown = 0
            case OutputChunk(text=text):
                before, self._shown = self._shown, self._shown + len(text)
                if before >= LONGEST:
                    return
                if self._shown >= LONGEST:
                    event = replace(event, text=text[: LONGEST - before] + CUT)
            case _:
                pass
        wire = Wire()
        self.telling.tell(self.run, wire.event(event), tuple(wire.media.values()))


@dataclass(slots=True)
class Recording:
    """The `Record` of a run: what it has so far is in memory at once, and in the store after `kept`."""

    run: Run
    store: Store
    _behind: bool = False
    _writing: anyio.Lock = field(default_factory=anyio.Lock)

    def begin(self, trajectory: Trajectory) -> None:
        self._change(trajectory)

    def step(self, step: Step) -> None:
        if (so_far := self.run.trajectory) is not None:
            self._change(replace(so_far, steps=(*so_far.steps, step)))

    def end(self, outcome: Outcome) -> None:
        if (so_far := self.run.trajectory) is not None:
            self._change(replace(so_far, outcome=outcome))

    def close(self, problem: Exception | None, cancelled: bool) -> None:
        """Give the run the status in which it has ended."""
        outcome = self.run.trajectory.outcome if self.run.trajectory else None
        if outcome is not None:
            status = _STATUS.get(outcome.status, "limit")
        else:
            status = "cancelled" if cancelled and problem is None else "error"
        self.run = replace(self.run, status=status)
        self._behind = True

    def message(self, problem: Exception | None) -> str:
        """Why it ended, for people; empty for an answer."""
        if problem is not None:
            return message_of(problem)
        outcome = self.run.trajectory.outcome if self.run.trajectory else None
        return outcome.message if outcome else ""

    async def kept(self) -> None:
        """Write what is not in the store yet. Raises `StoreError`."""
        async with self._writing:
            if self._behind:
                self._behind = False
                try:
                    await self.store.change_run(self.run)
                except BaseException:
                    self._behind = True
                    raise

    def _change(self, trajectory: Trajectory) -> None:
        self.run = replace(self.run, trajectory=trajectory)
        self._behind = True
