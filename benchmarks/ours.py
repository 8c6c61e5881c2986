"""The sandbox of this package as a subject."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from codeact.sandbox.base import Session
from codeact.sandbox.local import LocalSandbox
from codeact.types import ToolCall, ToolSpec

from .subjects import STACK


class Take:
    """One tool, which takes a value and gives nothing back."""

    specs = (ToolSpec(name="take", signature="(value)", doc="", schema={}),)

    async def call(self, call: ToolCall) -> Any:
        return None


class OurInterpreter:
    interruptible = True

    def __init__(self, session: Session) -> None:
        self._session = session

    async def run(self, code: str) -> None:
        await self._session.run(code, time_limit=600)

    async def interrupt(self) -> None:
        await self._session.interrupt()


class Ours:
    name = "codeact local"

    def __init__(self) -> None:
        self.sandbox = LocalSandbox(spares=0)  # `spares` measures those

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with self.sandbox:
            yield

    @asynccontextmanager
    async def interpreter(self) -> AsyncIterator[OurInterpreter]:
        async with self.sandbox.open(Take()) as session:  # the stack is imported: sessions are forks of who has it
            yield OurInterpreter(session)


class OursCold(Ours):
    """With a server of its own for each session, which is what a first session costs."""

    name = "codeact local, first on this host"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def interpreter(self) -> AsyncIterator[OurInterpreter]:
        async with self.sandbox.open(Take()) as session:
            interpreter = OurInterpreter(session)
            await interpreter.run(STACK)
            yield interpreter
