"""Serving an editor over standard input and output. The package `acp` is written on asyncio, so this edge is too."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import anyio
from acp import run_agent
from acp.interfaces import Agent as AcpAgent

from codeact.errors import UsageError
from codeact.server.acp.editor import Editor, OpensAgent
from codeact.server.stdio import claimed, pollable

_MOST_MESSAGE = 16 * 1024 * 1024  # bytes that are read ahead


async def serve_acp(open_agent: OpensAgent, *, every_action: bool = False) -> None:
    """Serve the editor that has started this process, until it leaves. `every_action`: ask it for permission each time,
    and not only for tools that need approval.

    Raises:
        UsageError: no editor is there: standard input and output are no pipes.
    """
    async with _wire() as (reader, writer), anyio.create_task_group() as group:
        editor = Editor(open_agent, group, every_action)
        await run_agent(cast("AcpAgent", editor), writer, reader)  # the rest of that protocol is optional
        group.cancel_scope.cancel()


@asynccontextmanager
async def _wire() -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    with claimed() as (source, target):
        if not (pollable(source) and pollable(target)):
            raise UsageError(
                "an editor starts this command and talks over pipes; see docs/editors.md for how to add it"
            )
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_MOST_MESSAGE)
        incoming, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(source), "rb", 0)
        )
        outgoing, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(os.dup(target), "wb", 0)
        )
        try:
            yield reader, asyncio.StreamWriter(outgoing, protocol, None, loop)
        finally:
            incoming.close()
            outgoing.close()
