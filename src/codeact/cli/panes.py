"""Blocks of the terminal view: text behind a coloured bar, whole or as it is produced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.markdown import Markdown
from rich.segment import ControlType
from rich.syntax import Syntax
from rich.text import Text

from codeact.cli.escape import harmless

MAX_SHOWN = 40_000  # characters of one action's output; nobody reads more in a terminal, and the record has it
NOT_SHOWN = "… {:,} more characters are not shown here; the record has them"

_BREAKS = re.compile(r"(\r?\n|\r)")
_ERASE = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


@dataclass(frozen=True, slots=True)
class Barred:
    """Text with a bar at the left of each line. Wrapped behind the bar on a terminal, never wrapped elsewhere."""

    text: Text
    bar: str = "│ "
    style: str = "dim"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines(console, options.max_width - len(self.bar)):
            line.rstrip()
            yield Text.assemble((self.bar, self.style), line, no_wrap=True, overflow="ignore")

    def _lines(self, console: Console, width: int) -> Iterator[Text]:
        for line in self.text.split("\n", allow_blank=True):
            if console.is_terminal and line:
                yield from line.wrap(console, max(width, 10), tab_size=4)
            else:
                yield line


def code_block(code: str) -> Barred:
    """Python, highlighted in the terminal's own colours."""
    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    highlighted = syntax.highlight(harmless(code).rstrip("\n"))
    highlighted.rstrip()
    return Barred(highlighted, bar="┃ ", style="cyan")


def prose(text: str) -> Markdown:
    """Markdown, with tags shown as they stand: in an answer about HTML they are the point."""
    block = Markdown(harmless(text))
    block.parsed = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table").parse(block.markup)
    return block


def text_block(text: str, *, bar: str = "│ ", style: str = "dim", text_style: str = "") -> Barred:
    return Barred(Text(harmless(clipped(text)).strip("\n"), style=text_style), bar, style)


def clipped(text: str) -> str:
    """The beginning of a long text, and how much is missing."""
    if len(text) <= MAX_SHOWN:
        return text
    return text[:MAX_SHOWN] + "\n" + NOT_SHOWN.format(len(text) - MAX_SHOWN)


@dataclass(slots=True)
class OutputPane:
    """Output of one action, shown as it is produced.

    Where it is immediate, each piece appears at once and a carriage return starts the line anew, as progress bars want
    it: that takes a terminal. Else a line appears when it is complete, with what its last carriage return left of it.
    """

    console: Console
    immediate: bool = False
    pending: str = ""  # the line that is not complete yet, held back where this is not immediate
    style: str = "dim"  # of the bar
    begun: bool = False  # whether the current line has its bar
    rewound: bool = False  # whether the next text starts the current line anew
    shown: int = 0  # characters
    hidden: int = 0

    def write(self, text: str, style: str = "dim") -> None:
        """Show a piece of output."""
        if style != self.style:
            self.break_line()
            self.style = style
        kept = text[: max(MAX_SHOWN - self.shown, 0)]
        self.shown += len(kept)
        self.hidden += len(text) - len(kept)
        if self.immediate:
            self._write_now(kept)
        else:
            self._write_lines(kept)

    def finish(self) -> None:
        """End the last line, and say what was not shown."""
        self.break_line()
        if self.hidden:
            self.console.print(Text(NOT_SHOWN.format(self.hidden), style="dim"))
        self.shown = self.hidden = 0

    def break_line(self) -> None:
        if self.pending:
            self._line(self.pending)
            self.pending = ""
        if self.begun:
            self.console.print()
        self.begun = self.rewound = False

    def _write_lines(self, text: str) -> None:
        *lines, self.pending = (self.pending + text).split("\n")
        for line in lines:
            self._line(line)

    def _line(self, line: str) -> None:
        last = line.removesuffix("\r").rpartition("\r")[2]
        self.console.print(Barred(Text(harmless(last)), style=self.style), soft_wrap=True)

    def _write_now(self, text: str) -> None:
        for piece in _BREAKS.split(text):
            match piece:
                case "":
                    pass
                case "\r":
                    self.rewound = True
                case "\n" | "\r\n":
                    self._begin()
                    self.console.print()
                    self.begun = self.rewound = False
                case _:
                    if self.rewound:
                        self.console.control(_ERASE)
                        self.begun = self.rewound = False
                    self._begin()
                    self.console.print(Text(harmless(piece)), end="", soft_wrap=True)

    def _begin(self) -> None:
        if not self.begun:
            self.console.print(Text("│ ", style=self.style), end="")
            self.begun = True
