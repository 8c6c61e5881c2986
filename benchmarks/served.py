"""`codeact serve` in a process of its own, on loopback, with a database in a folder and the talker as its model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import psutil

from codeact.sandbox.local import LocalSandbox

from .measure import descendants, share_of
from .talker import NAME

QUICK = "--sandbox=benchmarks.served:Quick"
ROOT = Path(__file__).parents[1]
TOKEN = "cat_" + "l" * 40  # of the service's own user
PATIENCE = 60.0  # seconds


class Quick(LocalSandbox):
    """The real sandbox, without the seconds that importing the data stack takes."""

    def __init__(self) -> None:
        super().__init__(preload=())


@dataclass(slots=True)
class Served:
    """`begin`, and after its end or its being killed `begin` again, on the same database."""

    folder: Path
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    url: str = ""
    process: subprocess.Popen[str] | None = None

    @property
    def database(self) -> Path:
        return self.folder / "chats.db"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def begin(self) -> None:
        """Returns once it answers. Raises `RuntimeError`, with what it said, where it does not."""
        self.url = await anyio.to_thread.run_sync(self._begin)

    def _begin(self) -> str:
        said = self.folder / "stderr.txt"
        with said.open("a") as errors:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"codeact serve did not begin: {said.read_text()[-2000:]}")
        return json.loads(line)["url"]

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "codeact", "serve", "--json", "--port", "0", "--no-page", "-m", NAME]
        return [*command, "--token", TOKEN, "--database", f"sqlite:{self.database}", *self.arguments]

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(ROOT), str(ROOT / "src"), str(self.folder)])
        return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(self.scratch), **self.environment}

    @property
    def scratch(self) -> Path:
        """For what it makes in the temporary folder of the host; nothing is to be left there."""
        (folder := self.folder / "tmp").mkdir(exist_ok=True)
        return folder

    async def end(self, by: signal.Signals = signal.SIGTERM) -> Sequence[psutil.Process]:
        """Send a signal and wait; the processes that it has left behind, having had their time."""
        assert self.process is not None
        children = psutil.Process(self.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.send_signal(by)
        await anyio.to_thread.run_sync(self.process.wait, PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return (await anyio.to_thread.run_sync(lambda: psutil.wait_procs(children, timeout=PATIENCE)))[1]

    def weight(self) -> tuple[float, float]:
        """Proportional memory of the server process, and of all that it has started, in MiB."""
        return share_of({self.pid}), share_of(descendants(self.pid))


@asynccontextmanager
async def served(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[Served]:
    """Running, until the end of the block."""
    service = Served(folder, arguments, environment or {})
    await service.begin()
    try:
        yield service
    finally:
        with anyio.CancelScope(shield=True):
            if service.process is not None and service.process.poll() is None:
                await service.end()
