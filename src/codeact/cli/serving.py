"""`codeact serve`, put together: store, house, application, server."""

from __future__ import annotations

import logging
import re
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from codeact.cli import consoles, exits
from codeact.cli.assemble import choose_model, load_tools
from codeact.cli.jsonlines import write_line
from codeact.cli.limits import Bounds, parse_limits
from codeact.cli.options import AgentOptions
from codeact.cli.places import sandbox_named
from codeact.cli.serve import database
from codeact.cli.serve_options import ServeOptions
from codeact.cli.signals import shared
from codeact.errors import UsageError
from codeact.sandbox import offers
from codeact.sandbox.base import Sandbox
from codeact.server.house import House
from codeact.server.http.credentials import digest, new_token
from codeact.server.http.neighbours import page_is_there, whole
from codeact.server.http.origin import is_address
from codeact.server.http.redaction import RedactingFormatter
from codeact.server.http.service import Service
from codeact.server.http.serving import Binding, Serving, bound
from codeact.server.http.settings import HttpSettings
from codeact.server.listening import url_of
from codeact.server.replica import replica_name
from codeact.server.settings import HouseSettings, OpensModel, Quotas, Tool
from codeact.server.store import open_store

_SIZES = frozenset(["own_disk", "upload", "saved_state", "saved_files"])
_MACHINE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
QUOTAS = Bounds("--quota", Quotas, _SIZES, frozenset(["own_cpu", "container_idle", "keep"]))


async def serve(options: ServeOptions) -> int:
    """Raises what is wrong with the options, or missing on this machine, before anything is answered."""
    if options.results and not options.page:
        raise UsageError("--results is shown by the page; leave --no-page out")
    binding = Binding(
        host=options.host,
        port=options.port,
        certificate=options.tls_cert,
        key=options.tls_key,
        tls_elsewhere=options.tls_elsewhere,
        insecure_public=options.insecure_public,
    )
    with bound(binding) as listening, logging_to_stderr(access=options.access_log):
        settings = await house_settings(options, consoles.notices(quiet=options.json))
        if options.reach is not None:
            port, tls = listening.getsockname()[1], binding.certificate is not None
            settings = replace(settings, replica=replica_name(address_of(options.reach, port, tls=tls)))
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(open_store(database(options)))
            await stack.enter_async_context(shared(place := _place(options)))
            house = await stack.enter_async_context(House.open(store, replace(settings, sandbox=place)))
            return await _answer(options, house, binding, listening)


async def _answer(options: ServeOptions, house: House, binding: Binding, listening: socket.socket) -> int:
    where, made = url_of(listening, tls=binding.certificate is not None), not (options.token or options.no_login_link)
    token = new_token() if made else options.token
    settings = _http_settings(options, binding, listening, house.settings.quotas.upload)
    page = options.page and page_is_there(options.results)
    tokens = {digest(token): options.user} if token else {}
    application = whole(house, settings=settings, tokens=tokens, page=page, results=options.results)
    service: Service = application.state.service

    def say() -> None:
        code = None if options.no_login_link else service.credentials.invite(options.user)
        _say(options, where, code and f"{where}/login?code={code}", token if made else None, page=page)

    serving = Serving(application, service, binding, options.drain)
    await serving.run(listening, say)
    return exits.INTERRUPTED if serving.signals[:1] == [signal.SIGINT] else exits.ANSWERED


def _http_settings(options: ServeOptions, binding: Binding, listening: socket.socket, file: int) -> HttpSettings:
    return HttpSettings(
        hosts=frozenset(name.lower() for name in options.allow_host),
        cookie="__Host-codeact" if binding.tls else f"codeact-{listening.getsockname()[1]}",
        secure=binding.tls,
        upload=file * 3 // 2,  # base64 makes a file of a message longer by a third
    )


def address_of(machine: str, port: int, *, tls: bool) -> str:
    """By which other replicas reach this one. Raises `UsageError`."""
    if not is_address(machine) and not _MACHINE.fullmatch(machine):
        raise UsageError(f"--reach {machine!r} is no name or address of a machine, as in 10.0.0.3")
    return f"{'https' if tls else 'http'}://{f'[{machine}]' if ':' in machine else machine}:{port}"


async def house_settings(options: ServeOptions, notices: Console) -> HouseSettings:
    """Raises `UsageError` for what is not there or contradicts itself, `WeightsError` where a model cannot be had."""
    kept = offers.within(_place(options).offer, HouseSettings().limits)  # what somebody asks for is never left out
    quotas = replace(Quotas(), **QUOTAS.parse(options.quota))  # pyright: ignore[reportArgumentType] -- whole where wanted
    return HouseSettings(
        models=await _models(options, notices),
        tools=named_tools(options.tools),
        networks=tuple(options.network) or ("none",),
        quotas=quotas,
        limits=parse_limits(options.limit, kept),
        turns=options.turns,
        tokens=options.tokens,
        action_time=options.action_time,
        idle=options.idle,
    )


async def _models(options: ServeOptions, notices: Console) -> dict[str, OpensModel]:
    found: dict[str, OpensModel] = {}
    for spec in options.model or [None]:
        choice = await choose_model(AgentOptions(model=spec, base_url=options.base_url), notices)
        found[choice.spec] = choice.open
    return found


def named_tools(places: list[str]) -> dict[str, Tool]:
    """The tools of `MODULE`, or the one of `MODULE:FUNCTION`, by name.

    Raises:
        UsageError: there is none, or two have one name.
    """
    found: dict[str, Tool] = {}
    for place in places:
        module, _, wanted = place.partition(":")
        tools = {tool.spec.name: tool for tool in load_tools(module)}
        if wanted and wanted not in tools:
            raise UsageError(f"--tools {place!r}: {module!r} has no tool {wanted!r}, but {', '.join(tools)}")
        for name in [wanted] if wanted else tools:
            if name in found:
                raise UsageError(f"--tools {place!r}: there is a tool {name!r} already")
            found[name] = tools[name]
    return found


def _place(options: ServeOptions) -> Sandbox:
    return sandbox_named(options.sandbox, options.sandbox_option, require=options.require)


@contextmanager
def logging_to_stderr(*, access: bool) -> Generator[None]:
    """What the service has to say to its operator, without secrets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, ours, requests = (logging.getLogger(name) for name in ("", "codeact.server", "codeact.server.access"))
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    requests.setLevel(logging.INFO if access else logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _say(options: ServeOptions, where: str, link: str | None, token: str | None, *, page: bool) -> None:
    """`link` and `token` are secrets, and None where they are to be in nobody's log, or known already."""
    if options.json:
        secrets = {name: value for name, value in (("login", link), ("token", token)) if value is not None}
        write_line(sys.stdout, {"kind": "serving", "url": where, "user": options.user, "page": page, **secrets})
        return
    lines = [f"codeact serves on {where}", ""]
    if page and link:
        lines.append(f"  log in (once, within an hour)  {link}")
    if token:
        lines.append(f"  token (until it ends)          {token}")
    if not link:
        lines.append("  log in with a token; codeact serve --add-token NAME makes one")
    console = consoles.output()
    console.print(Text("\n".join([*lines, "", "Ctrl-C ends it, once what runs has ended."])), soft_wrap=True)
