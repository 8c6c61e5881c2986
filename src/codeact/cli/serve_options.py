"""What `codeact serve` lets one say."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from codeact.cli.options import option


def _door(*names: str, help: str, metavar: str | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, panel="Address and door")


def _offer(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="What chats may use")


def _keep(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Keeping and ending")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    host: Annotated[str, _door(metavar="ADDRESS", help="To listen on.")] = "127.0.0.1"
    port: Annotated[int, _door(help="To listen on; 0 takes one that is free.")] = 8321
    allow_host: Annotated[
        list[str], _door(metavar="NAME", help="A name by which browsers may call this service; repeatable.")
    ] = field(default_factory=list[str])
    tls_cert: Annotated[Path | None, _door(metavar="PATH", help="Certificate, with its chain.")] = None
    tls_key: Annotated[Path | None, _door(metavar="PATH", help="Its key.")] = None
    tls_elsewhere: Annotated[
        bool, _door("--tls-elsewhere", help="A proxy before this service ends TLS; browsers see https only.")
    ] = False
    insecure_public: Annotated[
        bool, _door("--insecure-public", help="Listen beyond this machine without TLS: tokens cross the network bare.")
    ] = False
    reach: Annotated[
        str | None,
        _door(
            metavar="ADDRESS",
            help="Of this machine, by which other replicas on the database reach it: they pass on what they are asked "
            "for chats that are awake here. Each replica wants one.",
        ),
    ] = None
    user: Annotated[str, _door(metavar="NAME", help="Whose the login link and the token are.")] = "me"
    token: Annotated[
        str | None,
        _door(metavar="TOKEN", help="Of that user, instead of a new one; best by CODEACT_SERVE_TOKEN."),
    ] = None
    no_login_link: Annotated[
        bool,
        _door("--no-login-link", help="Print no login link and make no token: for logs that others read, too."),
    ] = False
    add_token: Annotated[
        str | None, _door(metavar="NAME", help="Make a lasting token for a user, print it, and end.")
    ] = None
    remove_token: Annotated[
        bool, _door("--remove-token", help="Take back the token that standard input has, and end.")
    ] = False
    model: Annotated[
        list[str],
        _offer(
            "--model",
            "-m",
            metavar="PROVIDER:NAME",
            help="A model, the first being the default; repeatable. Default: as `codeact run` has it.",
        ),
    ] = field(default_factory=list[str])
    base_url: Annotated[str | None, _offer(metavar="URL", help="Address of an OpenAI-compatible endpoint.")] = None
    tools: Annotated[
        list[str],
        _offer(metavar="MODULE[:FUNCTION]", help="@tool functions that chats may choose; repeatable."),
    ] = field(default_factory=list[str])
    network: Annotated[
        list[str], _offer(metavar="POLICY", help="What a chat's code may be let reach; repeatable. Default: none.")
    ] = field(default_factory=list[str])
    sandbox: Annotated[str, _offer(metavar="NAME", help="Where the code runs: local, docker, …")] = "local"
    sandbox_option: Annotated[
        list[str], _offer(metavar="NAME=VALUE", help="An option of that sandbox, as in image=my-box; repeatable.")
    ] = field(default_factory=list[str])
    require: Annotated[
        str | None, _offer(metavar="LEVEL", help="Refuse to run code that is isolated less strongly than this.")
    ] = None
    limit: Annotated[
        list[str], _offer(metavar="NAME=VALUE", help="Of a session, as in memory=1GiB or cpu_time=120; repeatable.")
    ] = field(default_factory=list[str])
    quota: Annotated[
        list[str], _offer(metavar="NAME=VALUE", help="Of the service or of one user, as in own_runs=2; repeatable.")
    ] = field(default_factory=list[str])
    turns: Annotated[int, _offer(min=1, help="Of a run, at most.")] = 20
    tokens: Annotated[int, _offer(min=1, help="Of a run, at most.")] = 500_000
    action_time: Annotated[float, _offer(min=0.1, metavar="SECONDS", help="For one action.")] = 60.0
    database: Annotated[
        str | None, _keep(metavar="ADDRESS", help="sqlite:PATH or postgresql://…; default: a file of this user's.")
    ] = None
    idle: Annotated[float, _keep(min=1.0, metavar="SECONDS", help="Without use, until a chat goes to sleep.")] = 600.0
    drain: Annotated[
        float, _keep(min=0.0, metavar="SECONDS", help="That runs may take to end when the service is told to.")
    ] = 30.0
    page: Annotated[bool, _keep("--page/--no-page", help="The web page beside the API.")] = True
    results: Annotated[
        list[Path],
        _keep(metavar="PATH", help="Results of bench or collect that the page shows: a file or folder; repeatable."),
    ] = field(default_factory=list[Path])
    access_log: Annotated[bool, _keep("--access-log", help="A line for each request, on standard error.")] = False
    json: Annotated[bool, _keep("--json", help="Print JSON lines.")] = False
