"""Listeners who do not read, and listeners to whom nothing is said, on a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import psutil
import pytest
from benchmarks.served import QUICK, TOKEN, Served, served

from codeact.server.client import Client, connect
from codeact.server.http.credentials import digest, new_token
from codeact.server.store import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

MIB = 1024 * 1024
LOUD = "run: for n in range(60):\n    print('x' * 9_000)"  # half a million characters in the log
STREAMS = 30  # of one user
USERS = 8


def memory(service: Served) -> int:
    return psutil.Process(service.pid).memory_info().rss


@contextmanager
def listening(url: str, chat: str, token: str) -> Iterator[None]:
    """A connection that asks for events, with hardly any room for them, and reads none."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((host, int(port)))
        asked = f"GET /sessions/{chat}/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        line.sendall(asked.encode())
        yield


async def streams(client: Client, wanted: int) -> None:
    """Until so many are open."""
    with anyio.fail_after(60):
        while f"\ncodeact_event_streams {wanted}\n" not in (await client.ask("GET", "/metrics")).text:  # noqa: ASYNC110 -- of another process
            await anyio.sleep(0.05)


async def users(database: Path) -> Sequence[str]:
    """Their tokens."""
    tokens = [new_token() for _ in range(USERS)]
    async with open_store(f"sqlite:{database}") as store:
        for number, token in enumerate(tokens):
            await store.add_token(f"user{number}", digest(token))
    return tokens


async def test_listeners_cost_little_memory_whether_they_read_or_not(tmp_path: Path) -> None:
    tokens = await users(tmp_path / "chats.db")
    async with served(tmp_path, QUICK) as service, connect(service.url, token=TOKEN) as client:
        chat = await client.create()
        for _ in range(4):
            assert (await chat.ask(LOUD)).status == "answered"
        before = memory(service)
        with ExitStack() as open_lines:
            for _ in range(STREAMS):
                open_lines.enter_context(listening(service.url, chat.id, TOKEN))
            await streams(client, STREAMS)
            for _ in range(2):
                assert (await chat.ask(LOUD)).status == "answered", "one who reads gets all, beside those who do not"
            assert memory(service) - before < 40 * MIB
            before = memory(service)
            for token in tokens:
                async with connect(service.url, token=token) as other:
                    own = await other.create()
                for _ in range(STREAMS):
                    open_lines.enter_context(listening(service.url, own.id, token))
            await streams(client, STREAMS * (1 + USERS))
            assert (await chat.ask("Count")).status == "answered"
            assert memory(service) - before < 60 * MIB
        await streams(client, 0)
