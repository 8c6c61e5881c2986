"""MCP over this process's standard input and output.

Instead of the SDK's transport, because a read of that one cannot be cancelled (the process would outlive a SIGTERM for
as long as its client keeps the pipe open) and its lines have no bound.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import mcp_types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from codeact.server.stdio import claimed, pollable

_CHUNK = 65536
_HEAD = 1000  # bytes of a line that is not kept
_ID = re.compile(rb'"id"\s*:\s*(-?\d{1,18}|"[\w-]{0,100}")')
_SURE = 4096  # bytes that a pipe which polls as writable takes without blocking (PIPE_BUF); a socket takes more

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


@asynccontextmanager
async def stdio_streams(most: int) -> AsyncGenerator[tuple[Incoming, Outgoing]]:
    """Messages of the client and to it. `most`: bytes of one of its messages; a longer one is answered with an error.

    The client has left when the incoming ones end; when it no longer reads, the body is cancelled and left quietly.
    """
    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    with claimed() as (source, target), incoming, read, write, outgoing:
        async with anyio.create_task_group() as group:
            group.start_soon(_read, source, most, incoming, write.clone())
            group.start_soon(_write, target, outgoing, group.cancel_scope)
            yield read, write
            group.cancel_scope.cancel()


async def _read(
    source: int, most: int, incoming: MemoryObjectSendStream[SessionMessage | Exception], answers: Outgoing
) -> None:
    with incoming, answers:
        async for line in _lines(source, most):
            if isinstance(line, TooLong):
                await answers.send(_complaint(f"a message may have {most:,} bytes", _asked(line.head)))
                continue
            try:
                message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValidationError:
                await answers.send(_complaint("this is no JSON-RPC message", _asked(line)))
            else:
                await incoming.send(SessionMessage(message))


def _complaint(words: str, asked: mcp_types.RequestId | None) -> SessionMessage:
    problem = mcp_types.ErrorData(code=mcp_types.PARSE_ERROR, message=words)
    return SessionMessage(mcp_types.JSONRPCError(jsonrpc="2.0", id=asked, error=problem))


@dataclass(frozen=True, slots=True)
class TooLong:
    """In the place of a line that was not kept."""

    head: bytes


def _asked(line: bytes) -> mcp_types.RequestId | None:
    """The id of the request that a line was, if it stands before the parameters: who sent it waits for an answer."""
    found = _ID.search(line[:_HEAD].partition(b'"params"')[0])
    return json.loads(found[1]) if found else None


async def _lines(source: int, most: int) -> AsyncGenerator[bytes | TooLong]:
    """Lines without their ends, as far as they are not empty."""
    waits, buffer, long = pollable(source), bytearray(), None
    while True:
        if waits:
            await anyio.wait_readable(source)
        if not (data := os.read(source, _CHUNK)):
            return
        *ended, rest = data.split(b"\n")
        for part in ended:
            buffer += part
            long = long or _long(buffer, most)
            if line := long or bytes(buffer).strip():
                yield line
            buffer, long = bytearray(), None
        buffer += rest
        if long := long or _long(buffer, most):
            buffer.clear()


def _long(buffer: bytearray, most: int) -> TooLong | None:
    return TooLong(bytes(buffer[:_HEAD])) if len(buffer) > most else None


def _line(message: mcp_types.JSONRPCMessage) -> bytes:
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
    except PydanticSerializationError:  # one answer is lost, and not the connection
        problem = mcp_types.ErrorData(code=mcp_types.INTERNAL_ERROR, message="the answer cannot be written as JSON")
        return _line(mcp_types.JSONRPCError(jsonrpc="2.0", id=getattr(message, "id", None), error=problem))


async def _write(target: int, outgoing: MemoryObjectReceiveStream[SessionMessage], serving: anyio.CancelScope) -> None:
    waits = pollable(target)
    async for message in outgoing:
        left = memoryview(_line(message.message))
        try:
            while left:
                if waits:
                    await anyio.wait_writable(target)
                left = left[os.write(target, left[:_SURE]) :]
        except (BrokenPipeError, ConnectionResetError):  # the client has left, whatever its other pipe says
            serving.cancel()
            return
