"""A process that is killed while it writes loses nothing of what it was told is kept; and two write side by side."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from codeact.server.nouns import Told
from codeact.server.store import Store

from .chats import a_chat, a_run

pytestmark = pytest.mark.anyio

# Says each time what it was told is kept. Two at once, so that a kill meets a commit that is shared.
WRITER = """
import importlib, sys, anyio
from codeact.server.store import STORES

address, chat, name = sys.argv[1:]
module, _, function = STORES[address.partition(":")[0]].partition(":")
open_it = getattr(importlib.import_module(module), function)

async def write(store, name):
    for round in range(100_000):
        told = await store.tell(chat, name, [{"kind": "n", "round": round, "part": part} for part in range(3)])
        print(told[-1].number, flush=True)
        await anyio.sleep(0.005)  # SQLite lets in whoever happens to come

async def main():
    async with open_it(address, patience=60) as store, anyio.create_task_group() as group:
        group.start_soon(write, store, name + " one")
        group.start_soon(write, store, name + " two")

anyio.run(main)
"""


@contextmanager
def writing(address: str, chat: str, name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, address, chat, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read(process: subprocess.Popen[str], lines: int) -> list[int]:
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(lines)]


def rest(process: subprocess.Popen[str]) -> list[int]:
    """The numbers of whole lines."""
    assert process.stdout is not None
    return [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]


async def all_told(store: Store, chat: str) -> list[Told]:
    told: list[Told] = []
    while page := await store.told(chat, after=len(told)):
        told += page
    return told


async def test_kill_9_loses_nothing_that_was_acknowledged(store: Store, address: str) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    await store.add_run(a_run(chat))
    with writing(address, chat.id, "a") as first, writing(address, chat.id, "b") as second:
        acknowledged = read(first, 20) + read(second, 20)
        first.kill()
        acknowledged += rest(first)
        read(second, 20)  # the other goes on
        second.kill()
        acknowledged += rest(second)
    await store.tell(chat.id, None, [{"kind": "next"}])  # nobody's lock is left
    kept = await all_told(store, chat.id)
    assert [told.number for told in kept] == list(range(1, len(kept) + 1))
    assert max(acknowledged) <= len(kept)
    parts = [told.event["part"] for told in kept if told.run is not None]
    assert parts == [0, 1, 2] * (len(parts) // 3)  # whole calls, one after the other
