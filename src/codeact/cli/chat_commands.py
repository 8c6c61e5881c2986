"""The commands of a conversation: `/undo`, `/files` and so on."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from codeact.cli import describe
from codeact.cli.artifacts import safe_name
from codeact.cli.escape import harmless
from codeact.cli.talk import Talk
from codeact.errors import UsageError

INPUT_HELP = (
    "Alt-Enter, or a backslash at the end of a line, makes a new line; a message between three quotes has any number "
    "of them. Ctrl-C stops the answer and clears the line, Ctrl-D leaves."
)


@dataclass(frozen=True, slots=True)
class Command:
    usage: str
    line: str  # for the help
    run: Callable[[Talk, list[str]], Awaitable[None]]
    most: int = 0  # arguments
    least: int = 0


async def execute(talk: Talk, text: str) -> None:
    """Run one command line, slash included.

    Raises:
        UsageError: no such command, or wrong arguments.
        SandboxError: the session failed.
    """
    try:
        name, *arguments = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"cannot read {text!r}: {error}") from error
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"there is no command {name!r}; /help lists them (a message can't start with a slash)")
    if not command.least <= len(arguments) <= command.most:
        raise UsageError(f"usage: {command.usage}")
    await command.run(talk, arguments)


async def _undo(talk: Talk, arguments: list[str]) -> None:
    whole = await talk.conversation.undo()
    rest = ", and variables and files are as they were before it" if whole else ""
    if not whole and talk.conversation.setup.session is not None:
        rest = "; variables and files stay as they are, because they could not be kept"
    talk.screen.note(f"the last message is taken back{rest}")


async def _files(talk: Talk, arguments: list[str]) -> None:
    files = await talk.conversation.session.files()
    table = _table("file", "size")
    for info in files:
        table.add_row(harmless(info.path), describe.size(info.size))
    _show(talk, table, "no files in the workspace")


async def _vars(talk: Talk, arguments: list[str]) -> None:
    table = _table("name", "type", "shape", "value")
    for variable in await talk.conversation.session.variables():
        cells = (variable.name, variable.type, variable.shape, describe.short(variable.preview, 60))
        table.add_row(*map(harmless, cells))
    _show(talk, table, "no variables")


async def _save(talk: Talk, arguments: list[str]) -> None:
    talk.screen.note(f"saved as {talk.save(Path(arguments[0]) if arguments else None)}")


async def _reset(talk: Talk, arguments: list[str]) -> None:
    await talk.conversation.reset()
    talk.screen.note("a fresh start: no history, no variables; files stay")


async def _model(talk: Talk, arguments: list[str]) -> None:
    if arguments:
        await talk.change_model(arguments[0])
    talk.screen.note(f"model: {talk.conversation.setup.model.name}")


async def _get(talk: Talk, arguments: list[str]) -> None:
    name = arguments[0]
    target = Path(arguments[1]) if len(arguments) > 1 else Path(safe_name(name).name)
    size = await talk.conversation.session.get(name, to=target)
    talk.screen.note(f"{target} ({describe.size(size)})")


async def _put(talk: Talk, arguments: list[str]) -> None:
    talk.add_file(Path(arguments[0]))
    talk.screen.note(f"{Path(arguments[0]).name} goes into the workspace with your next message")


async def _help(talk: Talk, arguments: list[str]) -> None:
    table = _table("command", "what it does")
    for command in COMMANDS.values():
        table.add_row(command.usage, command.line)
    talk.screen.print(table)
    talk.screen.print(Text(INPUT_HELP))


async def _exit(talk: Talk, arguments: list[str]) -> None:
    talk.over = True


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, header_style="bold", pad_edge=False)


def _show(talk: Talk, table: Table, nothing: str) -> None:
    if table.row_count:
        talk.screen.print(table)
    else:
        talk.screen.note(nothing)


COMMANDS = {
    "/undo": Command(
        "/undo", "Take the last message back; variables and files too where the sandbox has checkpoints.", _undo
    ),
    "/files": Command("/files", "The files of the workspace.", _files),
    "/vars": Command("/vars", "The variables of the interpreter.", _vars),
    "/save": Command("/save [FILE]", "Write the talk to FILE: .md, .ipynb or .jsonl.", _save, most=1),
    "/reset": Command("/reset", "Start over: no history, no variables; files stay.", _reset),
    "/model": Command("/model [NAME]", "Say which model answers, or let another one take over.", _model, most=1),
    "/get": Command("/get FILE [AS]", "Copy a file of the workspace to here.", _get, most=2, least=1),
    "/put": Command("/put FILE", "Copy a file from here into the workspace.", _put, most=1, least=1),
    "/help": Command("/help", "This list.", _help),
    "/exit": Command("/exit", "Leave.", _exit),
}
