"""The child process that runs llama.cpp, seen from outside: started, watched, ended."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from codeact.errors import SetupError
from codeact.models.llama_server import LlamaSettings

TAIL = 2000  # bytes of the log that an error message shows
LOG_LIMIT = 1024 * 1024  # bytes of log that are kept
GRACE = 1.0  # seconds between a broken connection and the news that the process has ended


@dataclass(slots=True)
class LlamaProcess:
    """A running server."""

    url: str
    key: str = field(repr=False)
    _process: Process
    _log: IO[bytes]
    _end: str = ""  # how it ended, once it was closed

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def has_ended(self) -> bool:
        """Whether it has ended, or does in this moment: its connections break a little earlier."""
        with anyio.move_on_after(GRACE):
            await self._process.wait()
        return not self.is_running

    def last_words(self) -> str:
        """How it ended and what it logged last."""
        return self._end or _last_words(self._process, self._log)

    def close(self) -> None:
        """Keep what `last_words` needs: the log is about to go."""
        self._end = self.last_words()

    def trim_log(self) -> None:
        if os.fstat(self._log.fileno()).st_size > LOG_LIMIT:
            os.ftruncate(self._log.fileno(), 0)


@asynccontextmanager
async def run_llama(settings: LlamaSettings, *, start_limit: float) -> AsyncGenerator[LlamaProcess]:
    """Start a server, wait until it answers, and end it with the block.

    Raises:
        SetupError: it did not start, or not within `start_limit` seconds.
    """
    with TemporaryFile() as log:
        fcntl.fcntl(log, fcntl.F_SETFL, os.O_APPEND)  # so that it can be cut back while it is written
        command = [sys.executable, "-P", "-m", "codeact.models.llama_server"]
        # a session of its own: Ctrl-C stops what the agent does, not the model
        process = await anyio.open_process(command, stderr=log, start_new_session=True)
        try:
            running = LlamaProcess(await _ready(process, log, settings, start_limit), settings.key, process, log)
            try:
                yield running
            finally:
                running.close()
        finally:
            with anyio.CancelScope(shield=True):
                with suppress(ProcessLookupError):
                    process.kill()  # it has nothing to save
                await process.aclose()


async def _ready(process: Process, log: IO[bytes], settings: LlamaSettings, start_limit: float) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with anyio.fail_after(start_limit):
            await process.stdin.send(settings.line())
            line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 4096)
    except TimeoutError as error:
        raise SetupError(
            f"llama.cpp did not load {settings.path} within {start_limit:g} seconds; remedy: set a longer start_limit"
        ) from error
    except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead) as error:
        await process.wait()
        raise SetupError(f"llama.cpp could not load {settings.path}: it {_last_words(process, log)}") from error
    return json.loads(line)["url"]


def _last_words(process: Process, log: IO[bytes]) -> str:
    size = os.fstat(log.fileno()).st_size
    said = os.pread(log.fileno(), TAIL, max(0, size - TAIL)).decode("utf-8", "replace").strip()
    return f"{_ending(process.returncode)}{f'; its log ends with: {said}' if said else ''}"


def _ending(returncode: int | None) -> str:
    if returncode is None:
        return "still runs"
    if returncode >= 0:
        return f"ended with status {returncode}"
    hint = ", perhaps for lack of memory" if returncode == -signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-returncode).name}{hint}"
