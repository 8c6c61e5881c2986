"""The agent as an editor knows it: sessions, each a conversation with a box of its own; prompts; permissions."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import anyio
from acp import PROTOCOL_VERSION, RequestError
from acp.interfaces import Client
from acp.schema import (
    AgentCapabilities,
    AllowedOutcome,
    ClientCapabilities,
    FileSystemCapabilities,
    HttpMcpServer,
    Implementation,
    InitializeResponse,
    McpCapabilities,
    McpServerStdio,
    NewSessionResponse,
    PermissionOption,
    PromptCapabilities,
    PromptResponse,
)
from anyio.abc import TaskGroup, TaskStatus

from codeact.agent import Agent, Approve, Conversation
from codeact.errors import CodeActError, UsageError
from codeact.events import Emit, Event
from codeact.server.acp.project import Project
from codeact.server.acp.prompts import Block, read_prompt
from codeact.server.acp.updates import Subject, Update, Updates
from codeact.tools import ToolSet, mcp_tools
from codeact.types import Outcome, ToolCall, ToolCalls

_MOST_SESSIONS = 16  # with an interpreter; an earlier one gives way to the next
_CODE = "(code)"  # no tool is called so
_OPTIONS = [
    PermissionOption(option_id="once", name="Allow", kind="allow_once"),
    PermissionOption(option_id="always", name="Allow such in this session", kind="allow_always"),
    PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class OpensAgent(Protocol):
    """Makes the agent of a session; what it shares with others (model, sandbox) is opened outside."""

    def __call__(self, *, approve: Approve, more: Sequence[ToolSet]) -> AbstractAsyncContextManager[Agent]: ...


@dataclass(slots=True)
class Talk:
    """One session of the editor."""

    id: str
    folder: Path  # of the editor's project
    client: Client
    every_action: bool  # ask before each, and not only before calls of tools that need approval
    updates: Updates = field(default_factory=Updates)
    waiting: list[Update] = field(default_factory=list["Update"])
    sending: anyio.Lock = field(default_factory=anyio.Lock)
    fresh: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope | None = None  # of the prompt going on
    always: set[str] = field(default_factory=set[str])  # what the person has allowed for good: tools by name, and code
    over: anyio.Event = field(default_factory=anyio.Event)
    used: float = field(default_factory=time.monotonic)

    def hear(self, event: Event) -> None:
        self.waiting += self.updates.of(event)
        self.fresh.set()

    async def tell(self) -> None:
        """Send what is waiting, in order."""
        async with self.sending:
            while self.waiting:
                await self.client.session_update(session_id=self.id, update=self.waiting.pop(0))

    async def keep_telling(self) -> None:
        while True:
            await self.fresh.wait()
            self.fresh = anyio.Event()
            await self.tell()

    async def approve(self, subject: Subject) -> bool | str:
        """Ask the person at the editor."""
        wanted = _kinds(subject)
        if wanted <= self.always or not (self.every_action or isinstance(subject, ToolCall)):
            return True
        await self.tell()  # what is asked about stands there before the question
        answer = await self.client.request_permission(
            session_id=self.id, tool_call=self.updates.asked(subject), options=_OPTIONS
        )
        chosen = answer.outcome.option_id if isinstance(answer.outcome, AllowedOutcome) else "no"
        self.always |= wanted if chosen == "always" else set()
        return chosen in ("once", "always")


def _kinds(subject: Subject) -> set[str]:
    match subject:
        case ToolCall(name=name):
            return {name}
        case ToolCalls(calls=calls):
            return {call.name for call in calls}
        case _:
            return {_CODE}


@dataclass(slots=True)
class Editor:
    """Answers an editor's requests. Each session lives in a task of `group`, which opens and closes all it has."""

    open_agent: OpensAgent
    group: TaskGroup
    every_action: bool = False
    _client: Client | None = None
    _files: FileSystemCapabilities | None = None  # what the editor serves of its own
    _talks: dict[str, tuple[Talk, Conversation]] = field(default_factory=dict[str, tuple[Talk, Conversation]])

    def on_connect(self, conn: Client) -> None:
        self._client = conn

    async def initialize(
        self, protocol_version: int, client_capabilities: ClientCapabilities | None = None, **_: Any
    ) -> InitializeResponse:
        self._files = client_capabilities.fs if client_capabilities is not None else None
        return InitializeResponse(
            protocol_version=min(protocol_version, PROTOCOL_VERSION),
            agent_info=Implementation(name="codeact", title="CodeAct", version=version("codeact")),
            agent_capabilities=AgentCapabilities(
                prompt_capabilities=PromptCapabilities(embedded_context=True),
                mcp_capabilities=McpCapabilities(http=True),
            ),
        )

    async def new_session(
        self, cwd: str, mcp_servers: Sequence[McpServerStdio | HttpMcpServer] | None = None, **_: Any
    ) -> NewSessionResponse:
        self._make_room()
        if self._client is None:
            raise RuntimeError("a session was asked for before there was a connection")
        talk = Talk(uuid4().hex, Path(cwd), self._client, self.every_action)
        try:
            await self.group.start(self._hold, talk, list(mcp_servers or ()))
        except CodeActError as error:
            raise _refused(error) from error
        return NewSessionResponse(session_id=talk.id)

    async def prompt(self, session_id: str, prompt: Sequence[Block], **_: Any) -> PromptResponse:
        talk, conversation = self._talk(session_id)
        if talk.scope is not None:
            raise _refused(UsageError("a prompt of this session is going on; cancel it first"))
        outcome: Outcome | None = None
        try:
            with anyio.CancelScope() as talk.scope:
                text, files = read_prompt(prompt, talk.folder)
                outcome = await _told(talk, lambda emit: _send(conversation, text, files, emit))
        except CodeActError as error:
            raise _refused(error) from error
        finally:
            talk.scope, talk.used = None, time.monotonic()
        await talk.tell()
        return PromptResponse(stop_reason=_reason(outcome))

    async def cancel(self, session_id: str, **_: Any) -> None:
        talk, _conversation = self._talk(session_id)
        if talk.scope is not None:
            talk.scope.cancel()

    def _make_room(self) -> None:
        """End the session that was used least lately: an editor does not say when it has closed one."""
        idle = [talk for talk, _ in self._talks.values() if talk.scope is None]
        if len(self._talks) >= _MOST_SESSIONS and idle:
            oldest = min(idle, key=lambda talk: talk.used)
            del self._talks[oldest.id]
            oldest.over.set()

    def _talk(self, session: str) -> tuple[Talk, Conversation]:
        try:
            return self._talks[session]
        except KeyError:
            words = f"there is no session {session[:100]!r} (any more); begin a new one"
            raise RequestError(-32602, words) from None

    async def _hold(
        self, talk: Talk, servers: Sequence[McpServerStdio | HttpMcpServer], *, task_status: TaskStatus[None]
    ) -> None:
        begun = False
        try:
            async with AsyncExitStack() as stack:
                more = [Project(talk.client, talk.id, talk.folder).tools(self._files)]
                more += [await stack.enter_async_context(_tools_of(server)) for server in servers]
                agent = await stack.enter_async_context(self.open_agent(approve=talk.approve, more=more))
                self._talks[talk.id] = talk, await stack.enter_async_context(agent.open())
                task_status.started()
                begun = True
                await talk.over.wait()
        except CodeActError:
            if not begun:
                raise
            # What goes wrong at the end of a session is nobody's any more, and the other sessions go on.


@asynccontextmanager
async def _tools_of(server: McpServerStdio | HttpMcpServer) -> AsyncGenerator[ToolSet]:
    if isinstance(server, McpServerStdio):
        env = {each.name: each.value for each in server.env}
        async with mcp_tools([server.command, *server.args], env=env) as tools:
            yield tools
    else:
        headers: Mapping[str, str] = {each.name: each.value for each in server.headers}
        async with mcp_tools(server.url, headers=headers) as tools:
            yield tools


async def _send(conversation: Conversation, text: str, files: Sequence[Path], emit: Emit) -> Outcome | None:
    return (await conversation.send(text, files=files, emit=emit)).trajectory.outcome


async def _told(talk: Talk, work: Callable[[Emit], Awaitable[Outcome | None]]) -> Outcome | None:
    """`work`, its events told while it goes on. What it raises comes out as it is: the group would wrap it."""
    outcome: Outcome | None = None
    failure: CodeActError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(talk.keep_telling)
        try:
            outcome = await work(talk.hear)
        except CodeActError as error:
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        await talk.tell()
        raise failure
    return outcome


def _reason(outcome: Outcome | None) -> Any:
    match outcome.status if outcome else "cancelled":
        case "turn_limit":
            return "max_turn_requests"
        case "token_limit":
            return "max_tokens"
        case "cancelled":
            return "cancelled"
        case _:
            return "end_turn"


def _refused(error: CodeActError) -> RequestError:
    """An editor shows the message; `data` says no more."""
    return RequestError(-32602 if isinstance(error, UsageError) else -32603, str(error))
