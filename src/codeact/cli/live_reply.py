"""The model's reply while it is being written: its last lines, live, gone when the reply is complete."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from codeact.cli.escape import harmless

TAIL = 12  # lines of the reply that are shown while it grows
TAIL_CHARACTERS = 4000  # what these lines can hold; keeps each refresh cheap in a long reply


@dataclass(slots=True)
class ReplyView:
    """What a live display draws, several times a second."""

    turn: int
    text: str = ""
    note: str = ""
    started: float = field(default_factory=time.monotonic)
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        elapsed = time.monotonic() - self.started
        doing = self.note or ("writing" if self.text else "reading")
        self.spinner.update(text=Text(f"turn {self.turn}: {doing}, {elapsed:.0f} s", style="dim"))
        yield self.spinner
        tail = Text(harmless(self.text[-TAIL_CHARACTERS:]).strip("\n"), style="dim")
        if tail:
            yield from tail.wrap(console, options.max_width, tab_size=4)[-max(min(TAIL, console.height - 4), 1) :]


@dataclass(slots=True)
class LiveReply:
    """The reply of one turn: kept whole, and drawn live where the terminal can take that."""

    console: Console
    turn: int
    animated: bool
    text: str = ""
    _view: ReplyView | None = None
    _live: Live | None = None

    def start(self) -> None:
        if self.animated:
            self._view = ReplyView(self.turn)
            self._live = Live(self._view, console=self.console, transient=True, refresh_per_second=8)
            self._live.start()

    def add(self, text: str) -> None:
        self.text += text
        if self._view is not None:
            self._view.text, self._view.note = self.text, ""

    def say(self, note: str) -> None:
        """What the model is doing, where that is not writing."""
        if self._view is not None:
            self._view.note = note

    def stop(self) -> None:
        """Wipe the live display; safe to call again."""
        if self._live is not None:
            self._live.stop()
            self._live = self._view = None
