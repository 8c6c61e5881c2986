"""From the options of a command to an agent: the one place that reads the environment and wires parts together."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from codeact import tools as tool_library
from codeact.actions import action_space
from codeact.agent import Agent, Approve, Budget, expect_files, grounded
from codeact.agent.checks import Check
from codeact.cli.artifacts import check_readable
from codeact.cli.escape import harmless
from codeact.cli.limits import parse_limits
from codeact.cli.options import AgentOptions
from codeact.cli.places import sandbox_named
from codeact.cli.pulling import ensure_weights
from codeact.errors import UsageError
from codeact.models import Model, choose_default, open_model, options_from_env
from codeact.models.metering import Prices
from codeact.models.store import Store, default_root
from codeact.sandbox import Ask, offers
from codeact.sandbox.base import Limits, Sandbox
from codeact.sandbox.network import network_policy
from codeact.tools import FunctionTool
from codeact.types import ToolBox


@dataclass(frozen=True, slots=True)
class Parts:
    """What an agent is made of, as far as that can be had without starting anything."""

    options: AgentOptions
    tools: Sequence[FunctionTool[..., Any]]
    place: Sandbox
    limits: Limits


def parts_of(options: AgentOptions, notices: Console) -> Parts:
    """Check the options and load what they name, before anything is fetched or started.

    Raises:
        UsageError: something named is not there, or options contradict each other.
        UnsupportedError: the sandbox cannot do what is asked of it.
    """
    _check_files(options)
    action_space(options.actions, options.dialect)
    tools = [tool for place in options.tools for tool in load_tools(place)]
    place, limits = _place(options, notices), parse_limits(options.limit)
    if options.actions == "code":
        offers.check(place, limits=limits, network=network_policy(options.network))
    return Parts(options, tools, place, limits)


def _model_options(options: AgentOptions) -> dict[str, Any]:
    prices = parse_prices(options.prices) if options.prices else None
    given = {"base_url": options.base_url, "temperature": options.temperature, "prices": prices}
    return {name: value for name, value in given.items() if value is not None}


def _check_files(options: AgentOptions) -> None:
    names = [path.name for path in options.file]
    for path in options.file:
        check_readable(path, " (given with --file)")
        if names.count(path.name) > 1:
            raise UsageError(f"two files for the workspace are named {path.name!r}; give one of them another name")
    for given, name in ((options.file, "--file"), (options.expect, "--expect")):
        if given and options.actions != "code":
            raise UsageError(f"{name} needs code, which can use files; leave out --actions {options.actions}")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model to open, and what its provider is told."""

    spec: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def open(self) -> AbstractAsyncContextManager[Model]:
        """Raises `UsageError` when there is no such model, or its provider does not take an option."""
        try:
            return open_model(self.spec, **self.options)
        except TypeError as error:  # an unexpected keyword: what options there are, only the provider knows
            given = ", ".join(f"--{name.replace('_', '-')}" for name in self.options)
            raise UsageError(f"the model {self.spec!r} does not take one of {given}: {error}") from error


async def choose_model(options: AgentOptions, notices: Console, spec: str | None = None) -> ModelChoice:
    """The model that is asked for, else the default one and why; its weights are fetched when they are missing.

    `spec` is a model that takes over from the one of the options; what these tell a provider, another is not told.

    Raises:
        UsageError: the prices cannot be read.
        WeightsError: they cannot be had.
    """
    default = choose_default(os.environ)
    first = options.model or default.spec
    if not (spec or options.model):
        notices.print(Text(f"model: {first} ({default.reason}; --model chooses another)", style="dim"))
    spec = spec or first
    if spec.startswith("local:"):
        await ensure_weights(Store(default_root(os.environ)), spec, notices)
    given = _model_options(options)
    provider = first.partition(":")[0]
    if given and spec.partition(":")[0] != provider:  # an address, a price: what holds for one provider only
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        notices.print(Text(f"model: {spec}, without what was given for {provider}: {names}", style="dim"))
        given = {}
    return ModelChoice(spec, {**options_from_env(spec, os.environ), **given})


@asynccontextmanager
async def open_agent(
    parts: Parts,
    model: Model,
    *,
    approve: Approve | None = None,
    ask: Ask | None = None,
    more: Sequence[ToolBox] = (),
) -> AsyncGenerator[Agent]:
    """The agent of these parts; the servers of its tools live as long as the block. `more`: tools besides."""
    options = parts.options
    async with AsyncExitStack() as stack:
        tools: list[Callable[..., Any] | ToolBox] = [*parts.tools, *more]
        for server in options.mcp:
            tools.append(await stack.enter_async_context(tool_library.mcp_tools(server)))
        yield Agent(
            model,
            tools=tools,
            actions=options.actions,
            dialect=options.dialect,
            sandbox=parts.place,
            budget=_budget(options),
            limits=parts.limits,
            network=options.network,
            checks=_checks(options),
            approve=approve,
            ask=ask,
            seed=options.seed,
        )


def parse_prices(text: str) -> Prices:
    """Raises `UsageError` for anything but two or three numbers."""
    try:
        numbers = [float(number) for number in text.split(",")]
        return Prices(input=numbers[0], output=numbers[1], cached=numbers[2] if numbers[2:] else None)
    except (ValueError, IndexError) as error:
        raise UsageError(
            f"--prices {text!r} should be USD per million tokens read, written, and cached: 1.25,10"
        ) from error


def _place(options: AgentOptions, notices: Console) -> Sandbox:
    network_policy(options.network)
    given: dict[str, Any] = {"require": options.require}
    if options.package:
        given |= {"packages": options.package, "progress": partial(_tell, notices)}
    return sandbox_named(options.sandbox, options.sandbox_option, **given)


def _tell(notices: Console, line: str) -> None:
    notices.print(Text(harmless(line), style="dim"))


def load_tools(place: str) -> Sequence[FunctionTool[..., Any]]:
    """All `@tool` functions of a Python file, or of a module by its dotted name.

    Raises:
        UsageError: it cannot be imported, or has none.
    """
    try:
        module = _import_file(Path(place)) if place.endswith(".py") else _import_named(place)
    except (Exception, SystemExit) as error:  # the user's own code, which may raise anything
        raise UsageError(f"cannot import the tools of {place!r}: {type(error).__name__}: {error}") from error
    found: dict[int, FunctionTool[..., Any]] = {
        id(value): cast("FunctionTool[..., Any]", value)  # pyright: ignore[reportUnknownArgumentType]
        for value in vars(module).values()
        if isinstance(value, FunctionTool)
    }
    if not found:
        raise UsageError(f"{place!r} has no tools; mark its functions with @tool (from codeact import tool)")
    return list(found.values())


def _import_named(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does; an installed command does not have it
    return import_module(name)


def _import_file(path: Path) -> ModuleType:
    """Import a file under its own name, its folder importable as for a script."""
    if not path.is_file():
        raise FileNotFoundError("no such file")
    spec = util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    sys.path.insert(0, str(path.parent.resolve()))
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _budget(options: AgentOptions) -> Budget:
    return Budget(turns=options.turns, tokens=options.tokens, time=options.time, action_time=options.action_time)


def _checks(options: AgentOptions) -> Sequence[Check]:
    checks: list[Check] = [grounded] if options.check else []
    return [*checks, expect_files(options.expect)] if options.expect else checks
