"""Bytes both ways between two streams, counted, until both have ended or nothing moves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import anyio
from anyio.abc import ByteStream

from codeact.sandbox.network.peers import CHUNK, LOST
from codeact.sandbox.network.traffic import Exchange


async def relay(box: ByteStream, server: ByteStream, exchange: Exchange, *, early: bytes, idle: float) -> None:
    """`early`: what the box had sent before it was answered. `idle`: seconds without a byte, after which it ends."""
    with anyio.CancelScope(deadline=anyio.current_time() + idle) as patience:

        def sent(count: int) -> None:
            exchange.sent += count
            patience.deadline = anyio.current_time() + idle

        def received(count: int) -> None:
            exchange.received += count
            patience.deadline = anyio.current_time() + idle

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pour, box, server, early, sent, tasks.cancel_scope)
            tasks.start_soon(_pour, server, box, b"", received, tasks.cancel_scope)
    if patience.cancelled_caught:
        exchange.failed = f"nothing moved for {idle:.0f} seconds"


async def _pour(
    source: ByteStream, sink: ByteStream, first: bytes, count: Callable[[int], None], both: anyio.CancelScope
) -> None:
    """One way, to the end of the source, which is passed on. Either side that breaks ends both ways."""
    try:
        data = first or await source.receive(CHUNK)
        while True:
            await sink.send(data)
            count(len(data))
            data = await source.receive(CHUNK)
    except anyio.EndOfStream:
        await _finish(sink)
    except LOST:
        both.cancel()


async def _finish(sink: ByteStream) -> None:
    with contextlib.suppress(*LOST):  # it has gone already
        await sink.send_eof()
