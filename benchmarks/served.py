"""`codeact serve` in processes of their own, on loopback, with the talker as their model: one, or several replicas."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2
import psutil

from codeact.sandbox.local import LocalSandbox
from codeact.server.client import Client, connect

from .measure import descendants, share_of
from .talker import NAME

QUICK = "--sandbox=benchmarks.served:Quick"
ROOT = Path(__file__).parents[1]
TOKEN = "cat_" + "l" * 40  # of the service's own user
PATIENCE = 60.0  # seconds
ANYWHERE = "http://127.0.0.1"  # of those who come by `InTurn`


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
    database: str = ""  # its address; else SQLite's in the folder
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.database = self.database or f"sqlite:{self.folder / 'chats.db'}"

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
        return [*command, "--token", TOKEN, "--database", self.database, *self.arguments]

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

    async def awake(self) -> int:
        """Chats that are awake in it."""
        async with connect(self.url, token=TOKEN) as client:
            text = (await client.ask("GET", "/metrics")).text
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("codeact_house_awake ")))

    def weight(self) -> tuple[float, float]:
        """Proportional memory of the server process, and of all that it has started, in MiB."""
        return share_of({self.pid}), share_of(descendants(self.pid))


@asynccontextmanager
async def served(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, database: str = ""
) -> AsyncIterator[Served]:
    """Running, until the end of the block."""
    service = Served(folder, arguments, environment or {}, database)
    await service.begin()
    try:
        yield service
    finally:
        with anyio.CancelScope(shield=True):
            if service.process is not None and service.process.poll() is None:
                await service.end()


@asynccontextmanager
async def replicas(count: int, folder: Path, database: str, *arguments: str) -> AsyncIterator[Sequence[Served]]:
    """Several on one database, each with a folder of its own, that reach each other."""
    async with AsyncExitStack() as stack:
        found: list[Served] = []
        for number in range(count):
            (own := folder / f"replica{number}").mkdir()
            reached = ("--reach=127.0.0.1",) if count > 1 else ()
            found.append(await stack.enter_async_context(served(own, *reached, *arguments, database=database)))
        yield found


class InTurn(httpx2.AsyncBaseTransport):
    """What a plain load balancer does: each request goes to the next replica that takes a connection."""

    def __init__(self, services: Sequence[Served]) -> None:
        self._services = services
        self._count = 0
        self._wire = httpx2.AsyncHTTPTransport(verify=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        for left in range(len(self._services) - 1, -1, -1):
            url = httpx2.URL(self._services[self._count % len(self._services)].url)
            self._count += 1
            request.url = request.url.copy_with(scheme=url.scheme, host=url.host, port=url.port)
            try:
                return await self._wire.handle_async_request(request)
            except httpx2.ConnectError:
                if not left:
                    raise
        raise ValueError("there is no replica to ask")

    async def aclose(self) -> None:
        await self._wire.aclose()


@asynccontextmanager
async def connect_to_any(services: Sequence[Served], token: str = TOKEN) -> AsyncGenerator[Client]:
    """A client whose requests go to each replica in turn."""
    async with connect(ANYWHERE, token=token, transport=InTurn(services)) as client:
        yield client
