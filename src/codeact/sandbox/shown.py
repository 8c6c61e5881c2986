"""What an action shows: output and displays, bounded, and told as they come."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from codeact.events import DisplayShown, Emit, OutputChunk
from codeact.sandbox.output import Kept
from codeact.sandbox.reports import Report
from codeact.types import Display, ExecResult, State, ToolRecord

_MAX_DISPLAYS = 100


class Shown:
    def __init__(self, limit: int, emit: Emit) -> None:
        """`limit`: bytes of output that are kept, and the same of displays."""
        self.stdout = Kept(limit - limit // 4)
        self.stderr = Kept(limit // 4)
        self.displays: list[Display] = []
        self.dropped = 0  # bytes of displays over the limit
        self._emit = emit
        self._room = limit  # bytes of displays
        self.takers: Mapping[str, Callable[[bytes], None]] = {
            "stdout": self._taker(self.stdout, "stdout"),
            "stderr": self._taker(self.stderr, "stderr"),
        }

    def show(self, display: Display) -> None:
        size = sum(map(len, display.data.values()))
        if size > self._room or len(self.displays) >= _MAX_DISPLAYS:
            self.dropped += size
            return
        self._room -= size
        self.displays.append(display)
        self._emit(DisplayShown(display))

    def result(
        self,
        report: Report,
        records: Sequence[ToolRecord],
        *,
        state: State,
        duration: float,
        overflow: str | None,
        killed: str = "",
        late: str = "",
    ) -> ExecResult:
        """What came of the action. `overflow`: where the whole of it lies; `killed`: what to say of its children."""
        return ExecResult(
            stdout=self.stdout.text,
            stderr=self.stderr.text + killed,
            value=report.value,
            displays=tuple(self.displays),
            error=report.error,
            answer=report.answer,
            tool_calls=tuple(records),
            dropped=self.stdout.dropped + self.stderr.dropped + self.dropped,
            overflow=overflow,
            late=late,
            state=state,
            duration=duration,
        )

    def _taker(self, kept: Kept, stream: Literal["stdout", "stderr"]) -> Callable[[bytes], None]:
        """Shows output as it comes, as far as its head is kept; after that nobody could follow it anyway."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode

        def take(data: bytes) -> None:
            if (shown := kept.add(data)) and (text := decode(data[:shown])):
                self._emit(OutputChunk(text, stream))

        return take
