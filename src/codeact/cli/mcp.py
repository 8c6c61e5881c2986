"""`codeact mcp`: a stateful, isolated Python for any MCP client."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskStatus
from rich.console import Console
from rich.text import Text

from codeact.cli import consoles, exits
from codeact.cli.artifacts import check_readable
from codeact.cli.escape import harmless
from codeact.cli.limits import parse_limits
from codeact.cli.mcp_options import McpOptions
from codeact.cli.options import spread
from codeact.cli.places import sandbox_named
from codeact.errors import UsageError
from codeact.sandbox import offers
from codeact.sandbox.base import Sandbox
from codeact.sandbox.network import network_policy
from codeact.server import mcp as service


@spread(McpOptions)
def mcp(options: McpOptions) -> int:
    """Give an MCP client a Python that keeps its state: run code, files, branches, undo; isolated by the kernel.

    Clients start this command by themselves and talk with it over standard input and output.
    """
    place, settings = _place(options, consoles.notices()), settings_of(options)
    offers.check(place, limits=settings.limits, network=network_policy(settings.network))
    return anyio.run(_serve, place, settings)


async def _serve(place: Sandbox, settings: service.McpSettings) -> int:
    async with ended_by_signals() as ended, _shared(place), service.open_desks(place, settings) as desks:
        await service.serve_stdio(desks)
    return exits.INTERRUPTED if signal.SIGINT in ended else exits.ANSWERED


@asynccontextmanager
async def ended_by_signals() -> AsyncGenerator[list[signal.Signals]]:
    """SIGTERM and Ctrl-C cancel the body, which is then left quietly. Which came."""
    ended = list[signal.Signals]()

    async def watch(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for each in signals:
                ended.append(each)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        await group.start(watch)
        yield ended
        group.cancel_scope.cancel()


@asynccontextmanager
async def _shared(place: Sandbox) -> AsyncGenerator[None]:
    """One server for all sessions, where the sandbox can have one."""
    if isinstance(place, AbstractAsyncContextManager):
        async with place:
            yield
    else:
        yield


def settings_of(options: McpOptions) -> service.McpSettings:
    """Raises `UsageError`: what is named is not there, or options contradict each other."""
    for path in options.file:
        check_readable(path, " (given with --file)")
    if options.share is not None and not options.share.is_dir():
        raise UsageError(f"--share {str(options.share)!r} is no folder")
    if options.action_time > options.most_time:
        raise UsageError(f"--action-time {options.action_time:g} is above --most-time {options.most_time:g}")
    return service.McpSettings(
        limits=parse_limits(options.limit),
        network=network_policy(options.network),
        time_limit=options.action_time,
        most_time=options.most_time,
        shown=options.shown,
        files=options.file,
        share=options.share,
    )


def _place(options: McpOptions, notices: Console) -> Sandbox:
    network_policy(options.network)
    given: dict[str, Any] = {"require": options.require, "python": options.python}
    if options.package:
        given |= {"packages": options.package, "progress": partial(_tell, notices)}
    return sandbox_named(options.sandbox, options.sandbox_option, **given)


def _tell(notices: Console, line: str) -> None:
    notices.print(Text(harmless(line), style="dim"))
