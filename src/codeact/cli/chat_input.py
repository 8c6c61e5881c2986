"""What the person in a conversation types: messages of one line or several, from a terminal or a pipe.

In both, a message that begins with three quotes goes on until the next three; a line that ends with a backslash goes on
in the next. In a terminal Alt-Enter makes a new line as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from codeact.cli.lines import LineReader

FENCE = '"""'
PROMPT, CONTINUED = "› ", "· "


class Input(Protocol):
    async def read(self) -> str | None:
        """The next message; None when the person is done."""
        ...


@dataclass(slots=True)
class PipedInput:
    """Messages from a pipe or a file."""

    lines: LineReader = field(default_factory=LineReader)

    async def read(self) -> str | None:
        message = await self.lines.read()
        while message is not None and is_open(message):
            line = await self.lines.read()
            if line is None:
                break
            message = join(message, line)
        return None if message is None else unfenced(message)


class TerminalInput:
    """Messages from a terminal, with editing, history and completion of commands. Ctrl-C clears the line."""

    def __init__(self, history: Path, commands: Sequence[str]) -> None:
        self._session: PromptSession[str] = PromptSession(
            history=_history(history),
            completer=WordCompleter(list(commands), sentence=True),
            complete_while_typing=False,
            multiline=True,
            key_bindings=_keys(),
            prompt_continuation=CONTINUED,
        )

    async def read(self) -> str | None:
        try:
            # Ctrl-C is a key while a line is edited; the signal stays with the program.
            return unfenced(await self._session.prompt_async(PROMPT, handle_sigint=False))
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None


def is_open(message: str) -> bool:
    """Whether a message goes on in the next line."""
    if message.lstrip().startswith(FENCE):
        return message.count(FENCE) < 2
    return message.endswith("\\")


def join(message: str, line: str) -> str:
    """A message and its next line; a backslash at the end has done its duty."""
    fenced = message.lstrip().startswith(FENCE)
    return (message if fenced else message.removesuffix("\\")) + "\n" + line


def unfenced(message: str) -> str:
    text = message.strip()
    if text.startswith(FENCE):
        return text.removeprefix(FENCE).removesuffix(FENCE).strip("\n")
    return text


def _history(path: Path) -> History:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:  # a home that cannot be written to is no reason not to talk
        return InMemoryHistory()
    return FileHistory(str(path))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        at_end = buffer.document.is_cursor_at_the_end
        if at_end and is_open(buffer.text):
            if buffer.text.endswith("\\") and not buffer.text.lstrip().startswith(FENCE):
                buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
