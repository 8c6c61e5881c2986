"""`python -m benchmarks.load`: what the chat service adds to a turn, and how many chats this machine holds.

A real `codeact serve` on loopback with SQLite, or several replicas on one database, each request going to the next one:
chats that talk all at once, over the API and its event streams, as pages do; a model that takes no time. Beside it, in
the same run, the same turns by `Conversation.send` in this process: what is more than those is the service's. A turn
here is a message, one action, and an answer.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio

from codeact.agent import Agent
from codeact.errors import CodeActError
from codeact.sandbox.local import LocalSandbox
from codeact.server.client import Client, RemoteChat
from codeact.server.http.credentials import digest, new_token
from codeact.server.store import open_store

from .served import QUICK, Quick, Served, connect_to_any, replicas
from .talker import Talker

OWN = 8  # chats of one user at once: the default quota
TURN = "Count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    chats: int = 8
    turns: int = 5  # of each chat
    quick: bool = False  # without the data stack in the sandbox, which takes seconds to import
    listeners: int = 30  # to one chat, each of whom reads its whole log; one user may have 32
    replicas: int = 1
    database: str = field(
        default="", repr=False
    )  # its address, with a password; else SQLite's, in a folder that is gone afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Milliseconds of turns, of so many chats at once."""

    where: str  # `served` or `in process`
    chats: int
    ms: Sequence[float]

    def at(self, percent: int) -> float:
        return statistics.quantiles(self.ms, n=100, method="inclusive")[percent - 1] if len(self.ms) > 1 else self.ms[0]


@dataclass(slots=True)
class Found:
    turns: list[Turns] = field(default_factory=list[Turns])
    errors: Counter[str] = field(default_factory=Counter[str])
    awake: int = 0  # rooms, with every chat's interpreter
    own_mib: float = 0.0  # of the server process, for each room
    box_mib: float = 0.0  # of what it has started, for each room
    live: float = 0.0  # events a second to all listeners while all chats talk
    past: float = 0.0  # events a second to listeners who read a log from its beginning


# --- in process -----------------------------------------------------------------------------------


async def in_process(chats: int, turns: int, *, quick: bool) -> Turns:
    ms: list[float] = []

    async def talk(agent: Agent, begin: anyio.Event) -> None:
        async with agent.open() as conversation:
            await conversation.send(TURN)  # the first one meets everything cold
            await begin.wait()
            for _ in range(turns):
                started = time.perf_counter()
                await conversation.send(TURN)
                ms.append((time.perf_counter() - started) * 1000)

    async with Quick() if quick else LocalSandbox() as place:
        agent, begin = Agent(Talker(), sandbox=place), anyio.Event()
        async with anyio.create_task_group() as tasks:
            for _ in range(chats):
                tasks.start_soon(talk, agent, begin)
            begin.set()
    return Turns(where="in process", chats=chats, ms=ms)


# --- served ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Talk:
    """A chat whose page is open: its turns end when their last event has arrived."""

    chat: RemoteChat
    found: Found
    events: int = 0
    ended: dict[str, anyio.Event] = field(default_factory=dict[str, anyio.Event])

    async def watch(self) -> None:
        async with self.chat.events() as events:
            async for told in events:
                self.events += 1
                if told.run is not None and told.event["kind"] == "run_ended":
                    self._end_of(told.run).set()
                    if told.event["status"] != "answered":
                        self.found.errors[f"run {told.event['status']}: {told.event['message']}"] += 1

    async def turn(self) -> float | None:
        """Its milliseconds; None where it was refused."""
        started = time.perf_counter()
        try:
            run = await self.chat.send(TURN)
        except CodeActError as error:
            self.found.errors[type(error).__name__] += 1
            return None
        await self._end_of(run.id).wait()
        return (time.perf_counter() - started) * 1000

    def _end_of(self, run: str) -> anyio.Event:
        return self.ended.setdefault(run, anyio.Event())


async def over_the_api(talks: Sequence[Talk], turns: int) -> Turns:
    ms: list[float] = []

    async def talk(one: Talk) -> None:
        for _ in range(turns):
            if (took := await one.turn()) is not None:
                ms.append(took)

    await _all(talk, talks)
    return Turns(where="served", chats=len(talks), ms=ms)


async def measure(plan: Plan, folder: Path, write: Callable[[str], None] = lambda line: None) -> Found:
    found = Found()
    for chats in sorted({1, plan.chats}):
        write(f"{chats} in process …")
        found.turns.append(await in_process(chats, plan.turns, quick=plan.quick))
    owners = [new_token() for _ in range(0, plan.chats, OWN)]
    address = plan.database or f"sqlite:{folder / 'chats.db'}"
    async with open_store(address) as store:
        for number, token in enumerate(owners):
            await store.add_token(f"user{number}", digest(token))
    quotas = [f"--quota={name}={plan.chats}" for name in ("rooms", "runs", "own_runs")]
    sandbox = [QUICK] if plan.quick else []
    async with replicas(plan.replicas, folder, address, *quotas, *sandbox) as services, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect_to_any(services, token)) for token in owners]
        write(f"{plan.chats} served …")
        await _load(plan, services, clients, found)
    return found


async def _load(plan: Plan, services: Sequence[Served], clients: Sequence[Client], found: Found) -> None:
    before = _weight(services)
    talks = [Talk(await clients[at // OWN].create(), found) for at in range(plan.chats)]
    async with anyio.create_task_group() as tasks:
        for one in talks:
            tasks.start_soon(one.watch)
        await _all(lambda one: one.turn(), talks)  # the first one opens the interpreter
        await _weigh(plan, services, found, before)
        if plan.chats > 1:
            found.turns.append(await over_the_api(talks[:1], plan.turns))
        events, started = sum(one.events for one in talks), time.perf_counter()
        found.turns.append(await over_the_api(talks, plan.turns))
        found.live = (sum(one.events for one in talks) - events) / (time.perf_counter() - started)
        tasks.cancel_scope.cancel()
    found.past = await _read_again(plan.listeners, talks[0])


def _weight(services: Sequence[Served]) -> tuple[float, float]:
    """MiB of the servers themselves, and of what they have started."""
    each = [service.weight() for service in services]
    return sum(own for own, _ in each), sum(boxes for _, boxes in each)


async def _weigh(plan: Plan, services: Sequence[Served], found: Found, before: tuple[float, float]) -> None:
    found.awake = sum([await service.awake() for service in services])
    own, boxes = _weight(services)
    found.own_mib, found.box_mib = (own - before[0]) / plan.chats, (boxes - before[1]) / plan.chats


async def _read_again(listeners: int, talk: Talk) -> float:
    """One chat's log to many at once, from the first event to the last."""
    last, read = talk.events, 0

    async def listen(number: int) -> None:
        nonlocal read
        async with talk.chat.events() as events:
            async for told in events:
                read += 1
                if told.number >= last:
                    return

    started = time.perf_counter()
    await _all(listen, range(listeners))
    return read / (time.perf_counter() - started)


async def _all(act: Callable[..., Awaitable[object]], each: Sequence[object]) -> None:
    async with anyio.create_task_group() as tasks:
        for one in each:
            tasks.start_soon(act, one)


# --- the report -----------------------------------------------------------------------------------


def table(found: Found) -> str:
    lines = [
        "| chats at once | a turn | p50 | p95 | p99 | times in process (p50) | more than in process (p50) |",
        "|--:|---|--:|--:|--:|--:|--:|",
    ]
    plain = {turns.chats: turns.at(50) for turns in found.turns if turns.where == "in process"}
    for turns in sorted(found.turns, key=lambda turns: turns.chats):
        base = plain[turns.chats]
        shown = " | ".join(f"{turns.at(percent):.1f} ms" for percent in (50, 95, 99))
        lines.append(
            f"| {turns.chats} | {turns.where} | {shown} | {turns.at(50) / base:.2f} | {turns.at(50) - base:.1f} ms |"
        )
    errors = ", ".join(f"{kind} ({count})" for kind, count in found.errors.items()) or "none"
    return "\n".join(
        [
            *lines,
            "",
            f"- sessions awake: {found.awake}, each {found.own_mib:.2f} MiB of the server and {found.box_mib:.1f} MiB "
            "of boxes (PSS)",
            f"- events to listeners: {found.live:,.0f} a second live, {found.past:,.0f} a second from the log",
            f"- errors: {errors}",
        ]
    )


def main(plan: Plan, path: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = anyio.run(measure, plan, Path(folder), lambda line: sys.stderr.write(f"{line}\n"))
    if path is not None:
        path.write_text(json.dumps(asdict(found), indent=1) + "\n")
    date, (load, _, _) = datetime.now(UTC).date().isoformat(), os.getloadavg()
    sys.stdout.write(f"{date}, {os.cpu_count()} processors, load {load:.1f}, {plan}\n\n{table(found)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="What does the service add?")
    parser.add_argument("--chats", type=int, default=8)
    parser.add_argument("--turns", type=int, default=5, help="of each chat")
    parser.add_argument("--quick", action="store_true", help="a sandbox without the data stack, which starts sooner")
    parser.add_argument("--replicas", type=int, default=1, help="each request goes to the next one")
    parser.add_argument("--database", default="", metavar="ADDRESS", help="postgresql://…; what is said stays in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    given = parser.parse_args()
    plan = Plan(
        chats=given.chats, turns=given.turns, quick=given.quick, replicas=given.replicas, database=given.database
    )
    main(plan, given.json)
