"""The command `codeact`: the only part that reads environment variables and configuration files, and that prints."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper

import typer

from codeact.cli import app, config, exits
from codeact.cli.escape import harmless
from codeact.errors import CodeActError

__all__ = ["main"]


def main() -> None:
    """Run the command line; the exit code says who must act (`codeact --help` lists them)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # what a terminal's encoding lacks is no reason to fail
    warnings.showwarning = _warn
    sys.exit(_call(sys.argv[1:]))


def _call(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments or bool(os.environ.get("CODEACT_DEBUG"))
    try:
        code = app.build(arguments).main(arguments or ["--help"], prog_name="codeact", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Abort:
        return exits.INTERRUPTED
    except typer.TyperException as error:
        return _say(_usage(error), error.exit_code)
    except BaseException as error:
        match exits.unwrapped(error):
            case CodeActError() as ours if not debug:
                return _say(str(ours), exits.of_error(ours))
            case BrokenPipeError():
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush is no error
                return exits.UNREAD
            case _:
                raise


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """What a library wants its caller to know, without the place in our source where it was said."""
    sys.stderr.write(f"warning: {harmless(str(message))}\n")


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"error: {harmless(message)}\n")
    return code


def _usage(error: typer.TyperException) -> str:
    """What is wrong with the arguments, where the wrong value came from, and where to read more."""
    message = error.format_message().rstrip(".")
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message}{_origin(error, context)}; see `{context.command_path} --help`"


def _origin(error: typer.TyperException, context: typer.Context) -> str:
    name: str | None = getattr(getattr(error, "param", None), "name", None)
    source = context.get_parameter_source(name) if name is not None else None
    if name is None or source is None:
        return ""
    match source.name:
        case "ENVIRONMENT":
            return f" (from the environment variable {context.auto_envvar_prefix}_{name.upper()})"
        case "DEFAULT_MAP":
            return f" (from the key {name!r} in {config.FILE})"
        case _:
            return ""
