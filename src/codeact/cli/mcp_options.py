"""What `codeact mcp` lets one say."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from codeact.cli.options import option


def _box(*names: str, help: str, metavar: str | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, panel="Interpreter")


def _door(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Over HTTP, instead of standard input and output")


@dataclass(frozen=True, slots=True, kw_only=True)
class McpOptions:
    http: Annotated[
        str | None,
        _door(metavar="HOST:PORT", help="Listen there, as in 127.0.0.1:8322; port 0 takes one that is free."),
    ] = None
    token: Annotated[
        str | None, _door(metavar="TOKEN", help="That clients send, instead of a new one; best by CODEACT_MCP_TOKEN.")
    ] = None
    no_token: Annotated[
        bool, _door("--no-token", help="Serve every program of this machine that asks, of whatever user.")
    ] = False
    allow_host: Annotated[
        list[str], _door(metavar="NAME", help="A name by which clients may call this service; repeatable.")
    ] = field(default_factory=list[str])
    insecure_public: Annotated[
        bool,
        _door("--insecure-public", help="Listen beyond this machine without TLS: the token crosses networks bare."),
    ] = False
    clients: Annotated[int, _door(min=1, help="With an interpreter at a time, at most.")] = 16
    idle: Annotated[
        float, _door(min=1.0, metavar="SECONDS", help="Without a call, until a client's interpreter ends.")
    ] = 1800.0
    sandbox: Annotated[str, _box(metavar="NAME", help="Where the code runs: local, docker, …")] = "local"
    sandbox_option: Annotated[
        list[str], _box(metavar="NAME=VALUE", help="An option of that sandbox, as in image=my-box; repeatable.")
    ] = field(default_factory=list[str])
    require: Annotated[
        str | None, _box(metavar="LEVEL", help="Refuse to run code that is isolated less strongly than this.")
    ] = None
    python: Annotated[
        str | None, _box(metavar="PATH", help="Another Python for the code; it needs ipython, landlockpy and seccompy.")
    ] = None
    package: Annotated[
        list[str], _box(metavar="NAME", help="A package for the sandbox, as pip names it (rich==14.*); repeatable.")
    ] = field(default_factory=list[str])
    network: Annotated[
        str, _box(metavar="POLICY", help="What the code can reach: none, packages, open or allow:HOST,…")
    ] = "none"
    limit: Annotated[
        list[str],
        _box(metavar="NAME=VALUE", help="What the code may use, as in memory=2GiB or cpu_time=30; repeatable."),
    ] = field(default_factory=list[str])
    action_time: Annotated[
        float, option(min=0.1, metavar="SECONDS", help="For one action, unless it asks for another.", panel="Calls")
    ] = 60.0
    most_time: Annotated[
        float, option(min=0.1, metavar="SECONDS", help="That an action may ask for.", panel="Calls")
    ] = 600.0
    shown: Annotated[
        int, option(min=500, metavar="CHARACTERS", help="Of an action's output that the model sees.", panel="Calls")
    ] = 10_000
    file: Annotated[
        list[Path], option("--file", "-f", metavar="PATH", help="A file for every new workspace; repeatable.")
    ] = field(default_factory=list[Path])
    share: Annotated[
        Path | None,
        option(metavar="FOLDER", help="Let the model copy files from and to this folder; it replaces none there."),
    ] = None
