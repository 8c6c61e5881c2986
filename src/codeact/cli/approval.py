"""Asking the person at the terminal before an action is carried out."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from codeact.cli import describe
from codeact.cli.lines import LineReader
from codeact.cli.screen import Screen
from codeact.errors import UsageError
from codeact.types import CodeAction, ToolCall, ToolCalls

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
    """The `approve` of a run. Actions stand on the screen already when it asks."""

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
