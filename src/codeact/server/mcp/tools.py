"""The tools that an MCP client is offered: what each takes, does and promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mcp_types
from mcp.server.context import ServerRequestContext
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BaseModel

from codeact.errors import TransferError, UsageError
from codeact.server.mcp import arguments, exchange, results
from codeact.server.mcp.arguments import Arguments, OfBranch, OfDrop, OfFork, OfRead, OfRun, OfTransfer, OfWrite
from codeact.server.mcp.desk import Desk
from codeact.server.mcp.live import watched
from codeact.server.mcp.settings import McpSettings
from codeact.types import BoxInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tool."""

    desk: Desk
    settings: McpSettings
    ctx: ServerRequestContext[Any, Any]
    note: str = ""  # what the client must know before anything else


Handler = Callable[[Call, Any], Awaitable[CallToolResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A tool as it is listed and called."""

    name: str
    title: str
    doc: str
    takes: type[Arguments]
    gives: type[BaseModel] | None
    handler: Handler
    annotations: ToolAnnotations

    async def call(self, call: Call, given: Mapping[str, Any] | None) -> CallToolResult:
        """Raises `CodeActError`, worded for a model: wrong arguments, or what the tool meets."""
        return await self.handler(call, arguments.read(self.takes, self.name, given))

    def listed(self) -> mcp_types.Tool:
        return mcp_types.Tool(
            name=self.name,
            title=self.title,
            description=self.doc,
            input_schema=arguments.schema(self.takes),
            output_schema=arguments.schema(self.gives, mode="serialization") if self.gives else None,
            annotations=self.annotations,
        )


def offered(info: BoxInfo, settings: McpSettings) -> Mapping[str, Offered]:
    """By name; `info` is of the sandbox, whose packages and limits the descriptions tell."""
    reaching = info.network != "none"
    tools = [
        _tool(
            "run", "Run Python", _RUN.format(**_facts(info, settings)), OfRun, results.RunReport, _run, open=reaching
        ),
        _tool("variables", "List variables", _VARIABLES, OfBranch, results.VariablesReport, _variables, reads=True),
        _tool("list_files", "List files", _LIST, OfBranch, results.FilesReport, _list_files, reads=True),
        _tool("read_file", "Read a file", _READ, OfRead, None, _read_file, reads=True),
        _tool("write_file", "Write a file", _WRITE, OfWrite, results.DoneReport, _write_file, again=True),
        _tool("undo", "Undo the last action", _UNDO, OfBranch, results.DoneReport, _undo),
        _tool("reset", "Restart the interpreter", _RESET, OfBranch, results.DoneReport, _reset, again=True),
        _tool("fork", "Fork a branch", _FORK, OfFork, results.DoneReport, _fork, destroys=False),
        _tool("drop", "End a branch", _DROP, OfDrop, results.DoneReport, _drop),
    ]
    if settings.share is not None:
        tools += [
            _tool("import_file", "Copy a file in", _IMPORT, OfTransfer, results.DoneReport, _import_file, again=True),
            _tool("export_file", "Copy a file out", _EXPORT, OfTransfer, results.DoneReport, _export_file, open=True),
        ]
    return {tool.name: tool for tool in tools}


def instructions(info: BoxInfo, settings: McpSettings) -> str:
    """What the server says of itself, for the prompt of a model."""
    return _INSTRUCTIONS.format(**_facts(info, settings))


def _tool(
    name: str,
    title: str,
    doc: str,
    takes: type[Arguments],
    gives: type[BaseModel] | None,
    handler: Handler,
    **hints: bool,
) -> Offered:
    reads = hints.get("reads", False)
    annotations = ToolAnnotations(
        title=title,
        read_only_hint=reads,
        destructive_hint=not reads and hints.get("destroys", True),
        idempotent_hint=reads or hints.get("again", False),
        open_world_hint=hints.get("open", False),
    )
    return Offered(name=name, title=title, doc=doc, takes=takes, gives=gives, handler=handler, annotations=annotations)


# --- what they say --------------------------------------------------------------------------------

_INSTRUCTIONS = (
    "A Python interpreter of your own, {isolated}. Variables, imports and files stay from call to call, so "
    "work in small steps with `run` and look at the output before you go on. {installed} {network}"
)
_RUN = (
    "Run Python code in an interpreter that keeps its state: variables, imports and files of one call are there in the "
    "next. The value of the last line is shown, as in a notebook; print what else you need to see. `await` works at "
    "top level and `!command` runs a shell command. Figures: plt.show() or plt.savefig('name.png'); you get them as "
    "images. {installed} {network} An action is stopped after {time_limit:g} seconds unless `time_limit` says "
    "otherwise, at most {most_time:g}; then and after an error earlier variables stay. Output over {shown:,} "
    "characters is cut in its middle and kept whole in a file. Working directory: {workspace}."
)
_VARIABLES = "The variables of the interpreter: name, type, shape and a preview of each."
_LIST = "The files in the working directory of the interpreter, with their sizes."
_READ = (
    "Read a file of the working directory: text as it is, in parts if it is long (`start`, `most`), PNG, JPEG, GIF and "
    "WebP as images, other files as bytes. To compute with a file, open it in code instead."
)
_WRITE = (
    "Write a file of the working directory, whole; an existing one is replaced. Use it for data that you have as text "
    "or base64; code can write files by itself."
)
_UNDO = "Take back the last action of a branch: its variables and files are as they were before. Up to 4 in a row."
_RESET = "A fresh interpreter for a branch: all variables are gone, files stay. Rarely needed; `undo` takes it back."
_FORK = (
    "Copy the interpreter, with its variables and files, under a name. Run code on the copy with `branch`: neither "
    "sees what the other does from then on. Good for trying several ways from one state."
)
_DROP = "End a branch that was forked, with its variables and files."
_IMPORT = "Copy a file from the folder that the user shares into the working directory."
_EXPORT = "Copy a file of the working directory into the folder that the user shares. It never replaces one there."


def _facts(info: BoxInfo, settings: McpSettings) -> dict[str, Any]:
    network = {
        "none": "There is no network.",
        "packages": "The network is closed but for pip's package index.",
        "open": "The network is open.",
    }
    open_to_all = "not isolated from this machine: its code can do whatever the user can who runs it"
    return {
        "isolated": open_to_all if info.isolation == "process" else "isolated from the machine that it runs on",
        "installed": f"Python {info.python} with {_packages(info)}.",
        "network": network.get(info.network, f"The network reaches these hosts only: {info.network}."),
        "time_limit": settings.time_limit,
        "most_time": settings.most_time,
        "shown": settings.shown,
        "workspace": info.workspace,
    }


def _packages(info: BoxInfo) -> str:
    return ", ".join(sorted(info.packages)) or "its standard library"


# --- what they do ---------------------------------------------------------------------------------


async def _run(call: Call, given: OfRun) -> CallToolResult:
    settings = call.settings
    limit = given.time_limit or settings.time_limit
    if limit > settings.most_time:
        raise UsageError(f"time_limit={limit:g} is more than an action may ask for, {settings.most_time:g} seconds")
    result = await watched(
        call.ctx,
        limit,
        lambda emit: call.desk.run(given.code, branch=given.branch, time_limit=limit, emit=emit),
    )
    return results.of_run(result, given.branch, limit=settings.shown, note=call.note)


async def _variables(call: Call, given: OfBranch) -> CallToolResult:
    return results.of_variables(await call.desk.session(given.branch).variables(), given.branch)


async def _list_files(call: Call, given: OfBranch) -> CallToolResult:
    return results.of_files(await call.desk.session(given.branch).files(), given.branch)


async def _read_file(call: Call, given: OfRead) -> CallToolResult:
    session, limit = call.desk.session(given.branch), call.settings.most_file
    data = await exchange.get(session, given.path, limit)
    return results.of_file(given.path, data, start=given.start, most=given.most, limit=limit)


async def _write_file(call: Call, given: OfWrite) -> CallToolResult:
    data, limit = given.data(), call.settings.most_file
    if len(data) > limit:
        raise TransferError(f"{given.path!r} would have {len(data):,} bytes; a call can write {limit:,}")
    await call.desk.session(given.branch).put(given.path, data)
    return _done(call, f"{given.path} is written ({len(data):,} bytes).")


async def _undo(call: Call, given: OfBranch) -> CallToolResult:
    await call.desk.undo(given.branch)
    return _done(call, "Variables and files are as they were before the last action.")


async def _reset(call: Call, given: OfBranch) -> CallToolResult:
    await call.desk.reset(given.branch)
    return _done(call, "The interpreter is fresh; files are kept.")


async def _fork(call: Call, given: OfFork) -> CallToolResult:
    await call.desk.fork(given.name, given.branch)
    return _done(call, f"The branch {given.name!r} begins with the variables and files of {given.branch!r}.")


async def _drop(call: Call, given: OfDrop) -> CallToolResult:
    await call.desk.drop(given.branch)
    return _done(call, f"The branch {given.branch!r} has ended.")


async def _import_file(call: Call, given: OfTransfer) -> CallToolResult:
    size = await exchange.bring_in(call.desk.session(given.branch), call.settings.share, given.name)
    return _done(call, f"{given.name} is in the working directory ({size:,} bytes).")


async def _export_file(call: Call, given: OfTransfer) -> CallToolResult:
    size = await exchange.take_out(call.desk.session(given.branch), call.settings.share, given.name)
    return _done(call, f"{given.name} is in the shared folder ({size:,} bytes).")


def _done(call: Call, text: str) -> CallToolResult:
    branches: Sequence[str] = call.desk.branches
    return results.of_words(f"[{call.note}]\n{text}" if call.note else text, branches)
