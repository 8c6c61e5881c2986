"""A reply while it arrives: pieces in, one `Completion` out. Every wire feeds one of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import uuid4

from codeact.events import Emit, TextDelta
from codeact.models.stops import StopWatch
from codeact.types import Completion, Finish, NativeCall, Usage


@dataclass(slots=True)
class PartialCall:
    """A native call whose arguments are still arriving."""

    index: int | None = None  # the endpoint's own number for it, where it gives one
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class StreamedReply:
    """Emits what may be shown as it comes: the deltas, joined, are the text of the completion."""

    emit: Emit
    stops: Sequence[str] = ()
    started: float = field(default_factory=monotonic)
    calls: list[PartialCall] = field(default_factory=list[PartialCall])
    finish: Finish | None = None  # None until the endpoint said why it ended
    trouble: str = ""  # why it ended, where that is no way to end
    usage: Usage | None = None  # None until the endpoint said what was used
    cache_written: int = 0  # input tokens that went into the provider's cache, where it says so
    _watch: StopWatch = field(init=False)
    _text: list[str] = field(default_factory=list[str])
    _reasoning: list[str] = field(default_factory=list[str])
    _first: float | None = None

    def __post_init__(self) -> None:
        self._watch = StopWatch(self.stops)

    @property
    def stopped(self) -> bool:
        """A stop string came: no more text will be taken."""
        return self._watch.stopped

    @property
    def complete(self) -> bool:
        """Whether this is the whole reply, whatever may come."""
        return self.stopped or self.finish is not None

    @property
    def is_only_reasoning(self) -> bool:
        """Ended by itself or by the endpoint, before it came to say anything."""
        return self.finish == "stop" and bool(self._reasoning) and not (self._text or self.calls or self.stopped)

    @property
    def produced(self) -> str:
        """All that the model wrote so far, to estimate its tokens from."""
        return "".join((*self._reasoning, *self._text, *(call.name + call.arguments for call in self.calls)))

    def add_text(self, piece: str) -> None:
        self._show(self._watch.feed(piece))

    def add_reasoning(self, piece: str) -> None:
        if piece and not self.stopped:
            self._mark_first()
            self._reasoning.append(piece)
            self.emit(TextDelta(piece, reasoning=True))

    def completion(self, *, usage: Usage, model: str) -> Completion:
        """The reply has ended: what it was."""
        self._show(self._watch.finish())
        calls = tuple(
            NativeCall(call.id or f"call_{uuid4().hex[:8]}", call.name, call.arguments) for call in self.calls
        )
        return Completion(
            text="".join(self._text),
            calls=calls,
            reasoning="".join(self._reasoning),
            finish=self._finish(),
            usage=usage,
            model=model,
            latency=monotonic() - self.started,
            first_token=self._first,
        )

    def _finish(self) -> Finish:
        # some servers end a reply full of calls with "stop", so the calls decide; a call cut by the limit stays cut
        if self.calls and self.finish != "length":
            return "tool_calls"
        return "stop" if self.stopped else self.finish or "stop"

    def _show(self, piece: str) -> None:
        if piece:
            self._mark_first()
            self._text.append(piece)
            self.emit(TextDelta(piece))

    def _mark_first(self) -> None:
        if self._first is None:
            self._first = monotonic() - self.started
