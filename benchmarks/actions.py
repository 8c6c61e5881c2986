"""What every subject is asked to do."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from .measure import Figure, MiB, Watch, timed
from .subjects import Interpreter, SkippedError, Subject

_CALLS = 200  # in one action, so that a call is measured and not the action around it
_BEFORE = 0.05  # seconds that endless code runs before it is interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How often everything is done."""

    sessions: int = 10
    actions: int = 200
    outputs: int = 50
    calls: int = 5  # times `_CALLS`
    megabyte: int = 20
    large: int = 3  # of 100 MB; 0 leaves it out
    interrupts: int = 10


READY, FIRST, LATER = "ready session with the data stack", "first action", "later action"
TOOL_CALL, INTERRUPT = "tool call", "interrupt"


async def measure(subject: Subject, rounds: Rounds) -> Sequence[Figure]:
    """Raises `SkippedError`."""
    ready, first = Watch(), Watch()
    async with subject.opened():
        for _ in range(rounds.sessions):
            async with contextlib.AsyncExitStack() as stack:
                with ready():
                    interpreter = await stack.enter_async_context(subject.interpreter())
                with first():
                    await interpreter.run("x = 1")
        found = [ready.figure(subject.name, READY), first.figure(subject.name, FIRST)]
        async with subject.interpreter() as interpreter:
            found += await _of_one(subject.name, interpreter, rounds)
    return found


async def _of_one(name: str, interpreter: Interpreter, rounds: Rounds) -> list[Figure]:
    async def take(what: str, code: str, times: int, per: int = 1) -> Figure:
        return (await timed(times, lambda: interpreter.run(code))).figure(name, what, per)

    await interpreter.run("x = 1")
    found = [
        await take(LATER, "x = 1", rounds.actions),
        await take("print", "print('hello')", rounds.actions),
        await take("error", "1 / 0", rounds.actions),
        await take("100 kB of output", "print('x' * 100_000)", rounds.outputs),
        await take(TOOL_CALL, f"for _ in range({_CALLS}): take(1)", rounds.calls, _CALLS),
    ]
    await interpreter.run(f"small = bytes({MiB})")
    found.append(await take("1 MB argument", "take(small)", rounds.megabyte))
    if rounds.large:
        await interpreter.run(f"import numpy; large = numpy.ones({100 * MiB}, 'u1')")
        found.append(await take("100 MB array as argument", "take(large)", rounds.large))
        await interpreter.run("del large")
    with contextlib.suppress(SkippedError):
        found.append((await _interrupts(interpreter, rounds.interrupts)).figure(name, INTERRUPT))
    return found


async def _interrupts(interpreter: Interpreter, rounds: int) -> Watch:
    """From the wish to stop to the end of the action."""
    if not interpreter.interruptible:
        raise SkippedError("nothing can interrupt it from outside")
    watch = Watch()
    for _ in range(rounds):
        async with anyio.create_task_group() as tasks:
            ended = anyio.Event()

            async def endless(ended: anyio.Event = ended) -> None:
                await interpreter.run("while True: pass")
                ended.set()

            tasks.start_soon(endless)
            await anyio.sleep(_BEFORE)
            with watch():
                await interpreter.interrupt()
                await ended.wait()
    return watch
