"""Options that several commands share: declared once, as a dataclass, and spread over each command's signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar, get_type_hints

import typer

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


def option(
    *names: str, help: str, panel: str | None = None, metavar: str | None = None, min: float | None = None
) -> Any:
    """An option for `Annotated`. Its environment variable follows from its name, so the help does not repeat that."""
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar, min=min, show_envvar=False)


def _model(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Model")


def _acting(*names: str, help: str, metavar: str | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, panel="Actions and sandbox")


def _limit(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Budget and checks")


_CHECK = "Send back an answer with a decimal number that no output has shown."


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """What `run` and `chat` let one say about the agent, in the words of `Agent` and `Budget`."""

    model: Annotated[
        str | None,
        _model(
            "--model",
            "-m",
            metavar="PROVIDER:NAME",
            help="As in openai:gpt-5.2 or local:qwen2.5-coder-1.5b. "
            "Default: a hosted model when its key is in the environment, else the embedded one.",
        ),
    ] = None
    base_url: Annotated[str | None, _model(metavar="URL", help="Address of an OpenAI-compatible endpoint.")] = None
    seed: Annotated[int | None, _model(help="Seed of the model's sampling.")] = 0
    temperature: Annotated[float | None, _model(min=0.0, help="Randomness; default: the model's own.")] = None
    prices: Annotated[
        str | None, _model(metavar="IN,OUT[,CACHED]", help="USD per million tokens, to say what a run cost.")
    ] = None
    actions: Annotated[Literal["code", "json", "text"], _acting(help="What the model acts by.")] = "code"
    dialect: Annotated[str | None, _acting(help="How actions are written; default: as the action space has it.")] = None
    tools: Annotated[
        list[str], _acting(metavar="MODULE", help="Python file or module with @tool functions; repeatable.")
    ] = field(default_factory=list[str])
    mcp: Annotated[
        list[str], _acting(metavar="COMMAND|URL", help="MCP server whose tools the agent gets; repeatable.")
    ] = field(default_factory=list[str])
    sandbox: Annotated[str, _acting(metavar="NAME", help="Where the code runs: local, docker, …")] = "local"
    sandbox_option: Annotated[
        list[str], _acting(metavar="NAME=VALUE", help="An option of that sandbox, as in image=my-box; repeatable.")
    ] = field(default_factory=list[str])
    require: Annotated[
        str | None, _acting(metavar="LEVEL", help="Refuse to run code that is isolated less strongly than this.")
    ] = None
    limit: Annotated[
        list[str],
        _acting(metavar="NAME=VALUE", help="What the code may use, as in memory=2GiB or cpu_time=30; repeatable."),
    ] = field(default_factory=list[str])
    network: Annotated[
        str, _acting(metavar="POLICY", help="What the code can reach: none, packages, open or allow:HOST,…")
    ] = "none"
    package: Annotated[
        list[str], _acting(metavar="NAME", help="A package for the sandbox, as pip names it (rich==14.*); repeatable.")
    ] = field(default_factory=list[str])
    approve: Annotated[bool, _acting("--approve", help="Ask before each action.")] = False
    turns: Annotated[int, _limit(min=1, help="Actions and answers, at most.")] = 10
    tokens: Annotated[int | None, _limit(min=1, help="Tokens read and written, at most.")] = None
    time: Annotated[float | None, _limit(min=0.1, metavar="SECONDS", help="For the whole task.")] = None
    action_time: Annotated[float, _limit(min=0.1, metavar="SECONDS", help="For one action.")] = 60.0
    check: Annotated[bool, _limit("--check/--no-check", help=_CHECK)] = True
    expect: Annotated[
        list[str], _limit(metavar="NAME", help="Accept an answer only when this file was made; repeatable.")
    ] = field(default_factory=list[str])
    file: Annotated[
        list[Path], option("--file", "-f", metavar="PATH", help="A file for the workspace; repeatable.")
    ] = field(default_factory=list[Path])
    out: Annotated[
        Path | None,
        option("--out", "-o", metavar="FOLDER", help="For the record and the files made; default: in codeact-runs/."),
    ] = None


def spread(kind: type[T]) -> Callable[[Callable[Concatenate[T, P], R]], Callable[..., R]]:
    """Give a command the fields of the dataclass `kind` as its own options; it gets them back as first argument."""

    def decorate(command: Callable[Concatenate[T, P], R]) -> Callable[..., R]:
        shared = _parameters(kind)
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        parameters = [*(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own), *shared]

        @wraps(command)
        def flat(*args: P.args, **values: P.kwargs) -> R:
            taken = {each.name: values.pop(each.name) for each in shared}
            return command(kind(**taken), *args, **values)

        setattr(flat, "__signature__", inspect.Signature(parameters))  # noqa: B010 -- what typer reads; no type has it
        flat.__annotations__ = {each.name: each.annotation for each in parameters}
        return flat

    return decorate


def _parameters(kind: type) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name], default=_default(each)
        )
        for each in fields(kind)
    ]


def _default(field: Field[Any]) -> Any:
    return field.default if field.default is not MISSING else []
