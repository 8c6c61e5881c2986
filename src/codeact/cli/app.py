"""The command line's table of commands; each is imported when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import platformdirs
import typer
from typer.core import TyperGroup

from codeact.cli import config, exits

COMPLETION = "_CODEACT_COMPLETE"  # set by the shell while it asks for completions


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it lives, and its line in the help."""

    place: str  # "module:name" of a function or of a `typer.Typer`
    line: str


COMMANDS = {
    "run": Entry("codeact.cli.run:run", "Solve one task, and watch how."),
    "chat": Entry("codeact.cli.chat:chat", "Talk with an agent that keeps its variables."),
    "mcp": Entry("codeact.cli.mcp:mcp", "Give any MCP client a Python that keeps its state."),
    "acp": Entry("codeact.cli.acp:acp", "Be an agent of an editor, over the Agent Client Protocol."),
    "bench": Entry("codeact.cli.bench:bench", "Measure models on a suite of tasks, in code, JSON and text."),
    "instruct": Entry("codeact.cli.instruct:app", "Make training data of episodes: collect, select, export."),
    "report": Entry("codeact.cli.report:report", "Compare formats and models from the results of a bench."),
    "train": Entry("codeact.cli.train:train", "Fine-tune the embedded model on conversations."),
    "serve": Entry("codeact.cli.serve:serve", "Serve chats: a web page, an HTTP API, OpenAI's protocol."),
    "view": Entry("codeact.cli.view:view", "Show a recorded run."),
    "export": Entry("codeact.cli.export:export", "Convert a recorded run: chat messages, Markdown, notebook."),
    "replay": Entry("codeact.cli.replay:replay", "Run the actions of a recorded run again and report differences."),
    "models": Entry("codeact.cli.models:app", "Model files on this machine: list, pull, verify, remove."),
    "doctor": Entry("codeact.cli.doctor:doctor", "Say what works on this machine, and how to mend what does not."),
}


def build(arguments: Sequence[str]) -> TyperGroup:
    """The command line for these arguments: the called command whole, the others by name and help line."""
    app = typer.Typer(
        add_completion=True,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        epilog=exits.MEANING,
        context_settings={"auto_envvar_prefix": "CODEACT", "help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    called = next((word for word in arguments if word in COMMANDS), None)
    for name, entry in COMMANDS.items():
        command = _load(entry.place) if name == called or COMPLETION in os.environ else _placeholder
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, help=entry.line)
        else:
            app.command(name, short_help=entry.line)(command)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def settable(name: str) -> list[str]:
    """What the table of a command may set in a settings file: its options, or its own commands."""
    command = build([name]).commands[name]
    if isinstance(command, TyperGroup):
        return list(command.commands)
    return [parameter.name for parameter in command.params if parameter.param_type_name == "option" and parameter.name]


def _load(place: str) -> Callable[..., Any] | typer.Typer:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _placeholder() -> None:
    raise AssertionError("a command that was not called was run")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"codeact {version('codeact')} (Python {sys.version.split()[0]})")
        raise typer.Exit


def _root(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", show_envvar=False)] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.", show_envvar=False),
    ] = False,
) -> None:
    r"""Let a language model act by writing Python, in an isolated interpreter on this machine.

    Each option can also be set by an environment variable (CODEACT_RUN_MODEL for `run --model`), or in codeact.toml, in
    this folder, one above it or the user's configuration folder (`model = "…"` below a line `\[run]`).
    """
    name = context.invoked_subcommand
    files = config.find_files(Path.cwd(), platformdirs.user_config_path("codeact"))
    settings = config.load(files, list(COMMANDS))
    if name is not None:
        settings.check(name, settable(name))
    context.default_map = dict(settings.tables)
