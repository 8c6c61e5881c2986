"""Asking the person at the terminal: before an action is carried out, and what its code wants to know."""

from __future__ import annotations

import contextlib
import sys
import termios
from collections.abc import Generator
from dataclasses import dataclass, field

from rich.text import Text

from codeact.cli import describe
from codeact.cli.escape import harmless
from codeact.cli.lines import LineReader
from codeact.cli.screen import Screen
from codeact.errors import UsageError
from codeact.sandbox import Question
from codeact.types import CodeAction, ToolCall, ToolCalls

MAX_PROMPT = 500  # characters of a question of the code's
QUESTION = "Run this? [y]es, [n]o, or say why not: "


def asking_on(screen: Screen, *, every_action: bool) -> Asking | None:
    """Who to ask: the person at the terminal; None where there is nobody.

    Raises:
        UsageError: every action must be approved, and there is nobody.
    """
    if sys.stdin.isatty():
        return Asking(screen, every_action)
    if every_action:
        raise UsageError("--approve asks before each action, and standard input is no terminal; run it in one")
    return None


@dataclass(slots=True)
class Asking:
    """The `approve` and the `ask` of a run. Actions stand on the screen already when it asks."""

    screen: Screen
    every_action: bool  # False: only for calls of tools that need approval
    lines: LineReader = field(default_factory=LineReader)

    async def __call__(self, subject: CodeAction | ToolCalls | ToolCall) -> bool | str:
        if not isinstance(subject, ToolCall) and not self.every_action:
            return True
        if isinstance(subject, ToolCall):
            self.screen.note(f"{describe.call(subject)} asks for approval")
        self.screen.console.print(QUESTION, end="", markup=False, highlight=False)
        answer = ((await self.lines.read()) or "no").strip()
        match answer.lower():
            case "y" | "yes":
                return True
            case "n" | "no" | "":
                return False
            case _:
                return answer

    async def answer(self, question: Question) -> str | None:
        """Put a question of the code to the person: `input()` or `getpass()`. None at the end of their input."""
        self.screen.note("the code asks, and waits for a line:")
        self.screen.console.print(Text(harmless(question.prompt[:MAX_PROMPT])), end="")
        with unechoed(self.lines.descriptor) if question.secret else contextlib.nullcontext():
            answer = await self.lines.read()
        if question.secret:
            self.screen.console.print()
        return answer


@contextlib.contextmanager
def unechoed(descriptor: int) -> Generator[None]:
    """For the body the terminal does not show what is typed."""
    before = termios.tcgetattr(descriptor)
    quiet = termios.tcgetattr(descriptor)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
