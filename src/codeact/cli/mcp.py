"""`codeact mcp`: a stateful, isolated Python for any MCP client."""

from __future__ import annotations

import signal
from functools import partial
from typing import Any

import anyio
from rich.console import Console
from rich.text import Text

from codeact.cli import consoles, exits
from codeact.cli.addresses import parse_address
from codeact.cli.artifacts import check_readable
from codeact.cli.escape import harmless
from codeact.cli.limits import parse_limits
from codeact.cli.mcp_options import McpOptions
from codeact.cli.options import spread
from codeact.cli.places import sandbox_named
from codeact.cli.signals import ended_by_signals, shared
from codeact.errors import UsageError
from codeact.sandbox import offers
from codeact.sandbox.base import Sandbox
from codeact.sandbox.network import network_policy
from codeact.server import mcp as service
from codeact.server.http.credentials import check_token, new_token
from codeact.server.listening import is_loopback, listen, url_of
from codeact.server.mcp.settings import PATH


@spread(McpOptions)
def mcp(options: McpOptions) -> int:
    """Give an MCP client a Python that keeps its state: run code, files, branches, undo; isolated by the kernel.

    Clients start this command themselves and talk with it over standard input and output; with --http it listens.
    """
    place, settings = _place(options, consoles.notices()), settings_of(options)
    offers.check(place, limits=settings.limits, network=settings.network)
    return anyio.run(_serve, options, place, settings)


async def _serve(options: McpOptions, place: Sandbox, settings: service.McpSettings) -> int:
    async with ended_by_signals() as ended, shared(place), service.open_desks(place, settings) as desks:
        if options.http is None:
            await service.serve_stdio(desks)
        else:
            await _serve_http(options, desks)
    return exits.INTERRUPTED if signal.SIGINT in ended else exits.ANSWERED


async def _serve_http(options: McpOptions, desks: service.Desks) -> None:
    token = None if options.no_token else options.token or new_token()
    entry = service.Entry(token=token, hosts=frozenset(name.lower() for name in options.allow_host))
    with listen(*parse_address("--http", options.http or "")) as listening:

        def say() -> None:
            notices = consoles.notices()
            notices.print(Text(f"MCP on {url_of(listening, PATH)}"))
            if token and not options.token:
                notices.print(Text(f"token (until it ends): {token}"))

        await service.serve_http(desks, listening, entry, say)


def settings_of(options: McpOptions) -> service.McpSettings:
    """Raises `UsageError`: what is named is not there, or options contradict each other."""
    for path in options.file:
        check_readable(path, " (given with --file)")
    if options.share is not None and not options.share.is_dir():
        raise UsageError(f"--share {str(options.share)!r} is no folder")
    if options.action_time > options.most_time:
        raise UsageError(f"--action-time {options.action_time:g} is above --most-time {options.most_time:g}")
    if options.http is not None:
        _check_door(options)
    return service.McpSettings(
        limits=parse_limits(options.limit),
        network=network_policy(options.network),
        time_limit=options.action_time,
        most_time=options.most_time,
        shown=options.shown,
        files=options.file,
        share=options.share,
        idle=None if options.http is None else options.idle,
        desks=options.clients,
    )


def _check_door(options: McpOptions) -> None:
    host, _ = parse_address("--http", options.http or "")
    if options.share is not None:
        raise UsageError(
            "--share is for one client, over standard input and output; with --http it would be everybody's"
        )
    check_token(options.token)
    if options.token is not None and options.no_token:
        raise UsageError("--token and --no-token contradict each other; leave one of them out")
    if not is_loopback(host) and (options.no_token or not options.insecure_public):
        raise UsageError(
            f"{host!r} can be reached from other machines, and without TLS whoever is between reads the token; "
            "listen on 127.0.0.1 behind a proxy that ends TLS, or say --insecure-public, which keeps the token"
        )


def _place(options: McpOptions, notices: Console) -> Sandbox:
    network_policy(options.network)
    given: dict[str, Any] = {"require": options.require, "python": options.python}
    if options.package:
        given |= {"packages": options.package, "progress": partial(_tell, notices)}
    return sandbox_named(options.sandbox, options.sandbox_option, **given)


def _tell(notices: Console, line: str) -> None:
    notices.print(Text(harmless(line), style="dim"))
