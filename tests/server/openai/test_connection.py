"""Streams to clients that do not read."""

import anyio
import anyio.lowlevel
import pytest

from codeact.server.openai.connection import MOST_WAITING, Stream, Streamed
from codeact.server.openai.errors import refusal

pytestmark = pytest.mark.anyio


async def stays() -> dict[str, object]:
    await anyio.sleep_forever()
    raise AssertionError


async def blocks(message: dict[str, object]) -> None:
    """The way to a client that takes the headers and then nothing."""
    if message["type"] != "http.response.start":
        await anyio.sleep_forever()


async def test_who_leaves_too_much_untaken_is_cut_off():
    told = 0

    async def work(tell):
        nonlocal told
        while True:
            tell({"text": "x" * 1_000_000})
            told += 1
            await anyio.lowlevel.checkpoint()

    with anyio.fail_after(60):
        await Streamed(work, refusal, Stream("chat"), patience=600)({"type": "http"}, stays, blocks)
    assert told < 1.5 * MOST_WAITING / 1_000_000, "the work ended, and with it what waited"


async def test_who_does_not_read_at_all_is_cut_off():
    ended = anyio.Event()

    async def work(tell):
        tell({"text": "once"})
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    with anyio.fail_after(60):
        await Streamed(work, refusal, Stream("chat"), patience=0.1)({"type": "http"}, stays, blocks)
    assert ended.is_set()


async def test_much_that_is_told_at_once_reaches_who_reads():
    sent = 0

    async def work(tell):
        for _ in range(50):
            tell({"text": "x" * 1_000_000})
            await tell.taken()

    async def reads(message: dict[str, object]) -> None:
        nonlocal sent
        await anyio.lowlevel.checkpoint()
        sent += len(message.get("body", b""))

    await Streamed(work, refusal, Stream("chat"))({"type": "http"}, stays, reads)
    assert sent > 50_000_000
