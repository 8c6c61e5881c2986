"""Carrying out an action: code in the box, tool calls in the host, both watched and both behind approval."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import anyio

from codeact.agent.budget import Meter
from codeact.errors import SandboxError, ToolError
from codeact.events import ActionFinished, ActionStarted, ApprovalAsked, Emit, ToolCalled, ToolReturned
from codeact.sandbox.asking import Ask, Question
from codeact.sandbox.base import Session
from codeact.sandbox.box.values import to_json
from codeact.tools import render_value
from codeact.tools.calling import is_broken
from codeact.types import (
    CodeAction,
    ExecError,
    ExecResult,
    Result,
    ToolBox,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolResults,
    ToolSpec,
)


@runtime_checkable
class Answers(Protocol):
    """Tools that also answer the questions of code."""

    async def answer(self, question: Question) -> str | None: ...


Approve = Callable[[CodeAction | ToolCalls | ToolCall], Awaitable[bool | str]]
"""Asked before each action, and before each call of a tool that needs approval. True lets it run; False, or a reason in
words for the model, does not. May take as long as it likes: no time limit runs meanwhile."""


@dataclass(slots=True, kw_only=True)
class Hands:
    """What carries out the actions of one run: its session and its tools.

    As a `ToolBox` it is the run's tools, each call announced, and approved where the tool asks for that. Without an
    `approve` actions run (the sandbox is the boundary) and tools that need approval are refused.
    """

    tools: ToolBox
    session: Session | None  # None when no code is run
    approve: Approve | None
    meter: Meter
    emit: Emit
    ask: Ask | None = None  # who answers `input()` of the code; None where nobody is there
    records: list[ToolRecord] = field(default_factory=list[ToolRecord])  # of the JSON or text action going on
    asking: anyio.Lock = field(default_factory=anyio.Lock)  # people are asked one thing at a time
    broken: SandboxError | None = None  # what a tool's machinery has failed by

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return self.tools.specs

    async def carry_out(self, action: CodeAction | ToolCalls) -> Result:
        """Carry out one action. What goes wrong in it is in the result.

        Raises:
            SandboxError: the machinery failed: the box's, or that of a tool, whatever the code made of it.
        """
        refusal = await self._refusal(action) if self.approve else None
        self.emit(ActionStarted(action))
        match action:
            case CodeAction(code):
                result = _not_run(refusal) if refusal else await self._run(code)
            case ToolCalls(calls):
                self.records = []
                for call in calls:
                    self.records.append(await self._record(call, refusal))
                result = ToolResults(tuple(self.records))
        self.emit(ActionFinished(result))
        return result

    async def call(self, call: ToolCall) -> object:
        """Run one tool, for the box or for the loop.

        Raises:
            ToolError: the tool failed, or the call was not approved.
            SandboxError: the tool's machinery failed.
        """
        value, _ = await self._make(call)
        return value

    async def _make(self, call: ToolCall) -> tuple[object, ToolRecord]:
        """One call with its events: the value for whoever called, and the record of it."""
        self.emit(ToolCalled(call))
        started = time.monotonic()
        try:
            if any(spec.name == call.name and spec.needs_approval for spec in self.specs):
                refusal = await self._refusal(call) if self.approve else "refused: nobody is there to approve it"
                if refusal:
                    raise ToolError(f"the call of {call.name}() was {refusal}", name="PermissionError")
            value, record = await _run_tool(self.tools, call, started)
        except ToolError as error:
            self.emit(ToolReturned(_failed(call, started, error)))
            raise
        except SandboxError as error:
            self.broken = error
            self.emit(ToolReturned(_failed(call, started, ToolError(str(error), name=type(error).__name__))))
            raise
        self.emit(ToolReturned(record))
        return value, record

    async def answer(self, question: Question) -> str | None:
        """Put a question of the code to the person; None when nobody answers. No time limit runs meanwhile."""
        if self.ask is None:
            return None
        async with self.asking:
            with self.meter.pause():
                return await self.ask(question)

    def unfinished(self) -> Result | None:
        """What an action that was cancelled had done by then; None when that is nothing, or not known."""
        if self.session is not None:
            return self.session.interrupted
        return ToolResults(tuple(self.records)) if self.records else None

    async def _run(self, code: str) -> ExecResult:
        if self.session is None:
            raise RuntimeError("a code action reached a run that has no session")
        result = await self.session.run(code, time_limit=self.meter.budget.action_time, emit=self.emit)
        if self.broken is not None:  # the code has seen it as an exception, which it may have caught
            raise self.broken
        return result

    async def _record(self, call: ToolCall, refusal: str | None) -> ToolRecord:
        started = time.monotonic()
        try:
            if refusal:
                raise ToolError(refusal, name="PermissionError")
            _, record = await self._make(call)
            return record
        except ToolError as error:
            return _failed(call, started, error)

    async def _refusal(self, subject: CodeAction | ToolCalls | ToolCall) -> str | None:
        """Ask for approval: None when granted, else why not, in words for the model."""
        if self.approve is None:
            return None
        async with self.asking:
            self.emit(ApprovalAsked(subject))
            with self.meter.pause():
                verdict = await self.approve(subject)
        if verdict is True:
            return None
        return "refused by the user" + (f": {verdict}" if verdict else "")


@dataclass(slots=True)
class Relay:
    """The tools that a session was opened with: it outlives runs, so it hands each call to whoever carries out now."""

    current: ToolBox

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return self.current.specs

    async def call(self, call: ToolCall) -> object:
        """Run one tool.

        Raises:
            ToolError: as the current tools do.
        """
        return await self.current.call(call)

    async def answer(self, question: Question) -> str | None:
        """As `Hands.answer`; None between runs."""
        return await self.current.answer(question) if isinstance(self.current, Answers) else None

    @contextmanager
    def through(self, tools: ToolBox) -> Generator[None]:
        """For the body, calls go through `tools`."""
        before, self.current = self.current, tools
        try:
            yield
        finally:
            self.current = before


async def _run_tool(tools: ToolBox, call: ToolCall, started: float) -> tuple[object, ToolRecord]:
    """Run one tool of anybody's `ToolBox`; encoding its value for the record also makes sure that it is data.

    Raises:
        ToolError: it failed, in whatever way, or gave something that lives in the host only.
        SandboxError: its machinery failed.
    """
    try:
        value = await tools.call(call)
        return value, _returned(call, started, value)
    except ToolError:
        raise
    except Exception as error:  # a tool is other people's code; what it does wrong is for the model to see
        if is_broken(error):
            raise
        raise ToolError(str(error), name=type(error).__name__) from error


def _returned(call: ToolCall, started: float, value: object) -> ToolRecord:
    return ToolRecord(
        name=call.name,
        args=to_json(list(call.args)),
        kwargs=to_json(dict(call.kwargs)),
        value=to_json(value),
        text=render_value(value),
        duration=time.monotonic() - started,
        id=call.id,
    )


def _failed(call: ToolCall, started: float, error: ToolError) -> ToolRecord:
    return ToolRecord(
        name=call.name,
        args=to_json(list(call.args)),
        kwargs=to_json(dict(call.kwargs)),
        error=f"{error.name}: {error}",
        duration=time.monotonic() - started,
        id=call.id,
    )


def _not_run(refusal: str) -> ExecResult:
    return ExecResult(error=ExecError(kind="exception", name="PermissionError", message=f"not run: {refusal}"))
