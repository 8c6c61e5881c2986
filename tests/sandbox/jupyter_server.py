"""A real Jupyter server, or kernel gateway, of this machine's own for the tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx2

START = 60.0  # seconds; a machine may be slow


@dataclass(frozen=True)
class Running:
    url: str
    token: str
    process: subprocess.Popen[bytes]
    log: Path

    async def kernels(self) -> list[str]:
        async with httpx2.AsyncClient(headers={"Authorization": f"token {self.token}"}) as client:
            return [kernel["id"] for kernel in (await client.get(f"{self.url}/api/kernels")).json()]


@contextlib.asynccontextmanager
async def running(folder: Path, program: str, *options: str) -> AsyncIterator[Running]:
    """`program`: "jupyter_server" or "kernel_gateway"."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    names = {
        "jupyter_server": ["IdentityProvider.token", "ServerApp.port", f"--ServerApp.root_dir={folder}"],
        "kernel_gateway": ["KernelGatewayApp.auth_token", "KernelGatewayApp.port"],
    }
    token_name, port_name, *more = names[program]
    command = [sys.executable, "-m", program, f"--{token_name}={token}", f"--{port_name}={port}", *more, *options]
    if program == "jupyter_server":  # without what serves notebooks to people
        command += ["--no-browser", "--allow-root", "--ServerApp.terminals_enabled=False"]
    # What has died is seen, and what does not listen is killed, sooner than in the 3 and 5 seconds by default.
    command += ["--KernelRestarter.time_to_dead=0.5", "--KernelManager.shutdown_wait_time=1"]
    folders = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 (a fork and an exec)
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **folders, "IPYTHONDIR": str(folder / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
            start_new_session=True,
        )
    server = Running(f"http://127.0.0.1:{port}", token, process, log)
    try:
        await answering(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def answering(server: Running) -> None:
    with anyio.fail_after(START):
        while True:
            if server.process.poll() is not None:
                raise RuntimeError(f"the server ended: {server.log.read_text()[-3000:]}")
            with contextlib.suppress(httpx2.HTTPError):
                await server.kernels()
                return
            await anyio.sleep(0.1)
