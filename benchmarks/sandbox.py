"""How fast is a sandbox? Prints medians, and ratios against what starting a plain `python` with the same imports costs.

python benchmarks/sandbox.py [local|subprocess] [rounds]
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from codeact.sandbox import Session, sandbox
from codeact.types import ToolCall, ToolSpec

STACK = "import IPython, numpy, pandas, matplotlib.pyplot, sklearn"


class Echo:
    """One tool that gives back what it gets."""

    specs = (ToolSpec(name="echo", signature="(value)", doc="", schema={}),)

    async def call(self, call: ToolCall) -> Any:
        return call.args[0]


async def median(rounds: int, once: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds."""
    times: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        await once()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


async def session_times(session: Session, rounds: int) -> dict[str, float]:
    async def stop() -> None:
        await session.run("while True: pass", time_limit=0.1)

    calls = await session.run(
        "import time\nt = time.perf_counter()\nfor _ in range(500): echo(1)\n(time.perf_counter() - t) * 2"
    )
    return {
        "action: x = 1": await median(rounds, lambda: session.run("x = 1")),
        "action: print": await median(rounds, lambda: session.run("print('hello')")),
        "action: error": await median(rounds, lambda: session.run("1 / 0")),
        "action: 100 kB of output": await median(rounds // 4, lambda: session.run("print('x' * 100_000)")),
        "tool call": float(calls.value or "nan"),
        "interrupt, state kept": await median(5, stop) - 100,
    }


async def main(name: str, rounds: int) -> None:
    box: Any = sandbox(name)
    firsts: list[float] = []

    async def open_and_run() -> None:
        async with box.open() as session:
            firsts.append(await median(1, lambda: session.run("x = 1")))

    found = {"cold start, one action, close": await median(1, open_and_run)}
    async with contextlib.AsyncExitStack() as stack:
        if name == "local":
            await stack.enter_async_context(box)  # one server for all sessions from here on
        firsts.clear()
        found["session: open, one action, close"] = await median(10, open_and_run)
        found["first action"] = statistics.median(firsts)
        async with box.open(Echo()) as session:
            found |= await session_times(session, rounds)
    report(name, found, plain(f"{STACK}; x = 1"))


def plain(code: str) -> float:
    """Milliseconds for a fresh process that runs `code`, without any isolation."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - started) * 1000


def report(name: str, found: dict[str, float], reference: float) -> None:
    lines = [f"{name}; a fresh python with the same imports takes {reference:,.0f} ms", ""]
    for what, milliseconds in found.items():
        lines.append(f"{what:34}{milliseconds:12,.3f} ms{milliseconds / reference:14.4f} of it")
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "local", int(sys.argv[2]) if len(sys.argv) > 2 else 200)
