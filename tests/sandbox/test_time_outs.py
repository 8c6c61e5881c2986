"""`run` comes back soon after its limit, whatever the code does, and the session can be used again.

Only in a box with a pid namespace: elsewhere a signal to "everything" reaches every process of whoever runs the tests,
which as root is the whole machine. That has happened.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from codeact import sandbox as package
from codeact.sandbox import Limits, Session
from codeact.sandbox.local import LocalSandbox

pytestmark = pytest.mark.anyio

LIMIT = 0.3  # seconds
GRACE = 3.0  # seconds after the limit, by which `run` has come back
PATIENCE = 40.0  # seconds for the same where other tests have the processors; a hang takes for ever
MiB = 1 << 20
CHANNEL = "[int(n) for n in os.listdir('/proc/self/fd') if 'socket' in os.readlink('/proc/self/fd/' + n)]"

ENDLESS = {
    "a loop": "while True: pass",
    "a loop in C": "sum(range(10**12))",
    "swallowed interrupts": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "a loop after an interrupt": "import time\ntry: time.sleep(99)\nfinally:\n    while True: pass",
    "a coroutine that swallows": "import asyncio\nwhile True:\n    try: await asyncio.sleep(9)\n"
    "    except BaseException: pass",
    "ignored signals": "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass",
    "blocked signals": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "a stop": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "a stop of all its kin": "import os, signal, subprocess as s\np = [s.Popen(['sleep', '99']) for _ in range(5)]\n"
    "try: os.kill(-1, signal.SIGSTOP)\nfinally: os.killpg(0, signal.SIGSTOP)",
    "a kill of its own group": "import os; os.killpg(0, 9)",
    "a fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "a fork bomb that flees": "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n"
    "        os.setsid()\n    except OSError: pass",
    "a thread bomb": "import threading, time\nwhile True:\n"
    "    try: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n    except RuntimeError: pass",
    "an exit": "import os; os._exit(3)",
    "an abort": "import os; os.abort()",
    "another program": "import os; os.execvp('sleep', ['sleep', '99'])",
    "closed descriptors": "import os, time; os.closerange(0, 4096); time.sleep(99)",
    "a closed channel": f"import os, time\nfor n in {CHANNEL}: os.close(n)\ntime.sleep(99)",
    "the GIL held in C": "import ctypes\nwhile True: ctypes.PyDLL(None).sleep(99)",
    "the GIL held in a thread": "import ctypes, threading\n"
    "threading.Thread(target=ctypes.PyDLL(None).sleep, args=(99,), daemon=True).start()\nwhile True: pass",
    "a child that shares its memory": "import ctypes\nif ctypes.PyDLL(None).vfork() == 0: ctypes.PyDLL(None).sleep(99)",
    "page faults": "import mmap\nm = mmap.mmap(-1, 64 << 20)\nwhile True:\n"
    "    for i in range(0, len(m), 4096): m[i] = 1\n    m.madvise(mmap.MADV_DONTNEED)",
    "deep recursion": "import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "deep recursion in C": "import sys; sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6): x = [x]\nrepr(x)",
    "10 MB of code": "x = 1\n" * (10 * MiB // 6),
    "10 MB of brackets": "(" * (10 * MiB),
    "a full workspace": "while True:\n    try:\n        with open('f', 'ab') as f: f.write(bytes(1 << 20))\n"
    "    except OSError: pass",
    "output without end": "while True: print('x' * 1000)",
    "output of a child without end": "import subprocess; subprocess.run(['yes'])",
    "a pipe that nobody reads": "import os; r, w = os.pipe()\nwhile True: os.write(w, bytes(4096))",
    "a lock that is never released": "import threading; l = threading.Lock(); l.acquire(); l.acquire()",
    "catastrophic backtracking": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
}


@pytest.fixture(scope="module")
async def bare(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    """Without the data stack, of which these tests need nothing."""
    async with LocalSandbox(require="namespace", preload=()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
async def neighbour(bare: LocalSandbox) -> AsyncIterator[Session]:
    async with bare.open() as session:
        await session.run("x = 'untouched'")
        yield session


@pytest.fixture(scope="module")
async def small(bare: LocalSandbox) -> AsyncIterator[Session]:
    """One session for the whole table: whatever happened in it, it serves the next."""
    limits = Limits(processes=40, workspace=16 * MiB, memory=512 * MiB, total_memory=1024 * MiB)
    async with bare.open(limits=limits) as session:
        yield session


async def outlived(small: Session, neighbour: Session, name: str) -> float:
    """Seconds until the action was over; both sessions go on after it."""
    began = anyio.current_time()
    with anyio.fail_after(PATIENCE):
        result = await small.run(ENDLESS[name], time_limit=LIMIT)
    took = anyio.current_time() - began
    assert result.error is not None
    with anyio.fail_after(PATIENCE):
        assert (await neighbour.run("x")).value == "'untouched'"
        await small.reset()
        assert (await small.run("import os\nfor n in os.listdir(): os.path.isfile(n) and os.remove(n)")).error is None
        assert (await small.run("6 * 7")).value == "42"
    return took


@pytest.mark.parametrize("name", ENDLESS)
async def test_an_action_ends_whatever_it_does(small: Session, neighbour: Session, name: str) -> None:
    await outlived(small, neighbour, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDLESS)
async def test_an_action_is_over_three_seconds_after_its_limit(small: Session, neighbour: Session, name: str) -> None:
    """Asserts a time, as no other test does: it is what `run` promises. So it has the machine to itself, by
    `make time-outs`, and is left out where tests share the processors.
    """
    took = await outlived(small, neighbour, name)
    print(f"{name}: {took:.2f} s")
    assert took < LIMIT + GRACE


def test_no_time_limit_depends_on_a_clock_that_can_be_set() -> None:
    """The time of day jumps: by hand, by the network, with a suspended machine."""
    folder = Path(package.__file__).parent
    readers = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "datetime.now", "time.time_ns")
    ]
    # When something was asked for; whether the clock was set; until which day somebody else's token is good.
    others = ("network/traffic.py", "attacks/ground.py", "kubernetes/tokens.py")
    assert [reader for reader in readers if not reader.startswith(others)] == []
