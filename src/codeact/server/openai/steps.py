"""What an agent does on its way to an answer, as Markdown while it happens: the model's words, its code, the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codeact.events import (
    ActionFinished,
    ActionStarted,
    Answered,
    Event,
    Observed,
    OutputChunk,
    ReplyParsed,
    TextDelta,
    TurnStarted,
)
from codeact.server.openai.words import MARKS
from codeact.types import Answer, CodeAction, ExecResult

_MOST_OUTPUT = 20_000  # characters of one action
_FENCE = "~~~~~~"


@dataclass(slots=True)
class Steps:
    """Tells the steps of a run to `tell`, piece by piece.

    The words of a turn may turn out to be the answer, which is told elsewhere. So they wait until code begins, and from
    there on come as the model writes them.
    """

    tell: Callable[[str], None]
    waiting: str = ""
    live: bool = False  # code has begun in this turn
    shown: int = 0  # characters of output of this action

    def hear(self, event: Event) -> None:
        match event:
            case TurnStarted():
                self.waiting, self.live = "", False
            case TextDelta(text=text, reasoning=True):
                self.tell(text)
            case TextDelta(text=text):
                self._words(text)
            case ReplyParsed(reply=reply) if isinstance(reply.action, CodeAction):
                self._close_turn(f"{reply.thought}\n\n```python\n{reply.action.code}\n```")
            case ActionStarted():
                self.shown = 0
            case OutputChunk(text=text):
                self._output(text)
            case ActionFinished(result=ExecResult() as result):
                self._end_output(result)
            case Observed(observation=seen) if self.waiting:  # a reply that was sent back: unreadable, or objected to
                self._close_turn(self.waiting)
                self.tell(f"{seen.text}\n\n")
            case Answered(answer=answer):
                self._answered(answer)
            case _:
                pass

    def _words(self, text: str) -> None:
        if self.live:
            self.tell(text)
            return
        self.waiting += text
        if MARKS.search(self.waiting):
            self.tell(self.waiting)
            self.waiting, self.live = "", True

    def _close_turn(self, whole: str) -> None:
        self.tell("\n\n" if self.live else f"{whole.strip()}\n\n")
        self.waiting, self.live = "", False

    def _output(self, text: str) -> None:
        if self.shown >= _MOST_OUTPUT:
            return
        if not self.shown:
            self.tell(f"{_FENCE}\n")
        text = text[: _MOST_OUTPUT - self.shown]
        self.shown += len(text)
        self.tell(text)

    def _end_output(self, result: ExecResult) -> None:
        if self.shown >= _MOST_OUTPUT:
            self.tell("\n… (the rest is left out)")
        last = [result.value or "", result.error.traceback or result.error.message if result.error else ""]
        for text in filter(None, last):
            self.tell("\n" if self.shown else f"{_FENCE}\n")
            self.tell(text[:_MOST_OUTPUT])
            self.shown += len(text)
        if self.shown:
            self.tell(f"\n{_FENCE}\n\n")

    def _answered(self, answer: Answer) -> None:
        """What stands before the answer in the same reply is a thought; the answer itself is not one."""
        before = self.waiting.rpartition(answer.text)[0].strip() if answer.text else ""
        if before:
            self.tell(f"{before}\n\n")
        self.waiting = ""
