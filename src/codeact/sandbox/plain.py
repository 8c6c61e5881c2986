"""A child process with no isolation, for hosts that allow none: the same box, the same channel, limits per process, and
nothing else.

Covers: accidents (a runaway allocation, an endless loop, too much output). Does not cover: anything that wants out.
Code in it can read, write and send whatever the user can who runs it. So it is only ever taken by name.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from codeact.sandbox import isolation, offers, scratch
from codeact.sandbox.base import Checkpoints, Limits, NetworkPolicy, Offer
from codeact.sandbox.box import folders
from codeact.sandbox.control import Control
from codeact.sandbox.launch import PRELOAD, box_limits, launched, package_folders
from codeact.sandbox.meter import Bounds
from codeact.sandbox.output import open_pipe
from codeact.sandbox.session import BoxSession
from codeact.types import ToolBox


class SubprocessSandbox:
    def __init__(
        self, *, preload: Sequence[str] = PRELOAD, python: str | None = None, checkpoints: Checkpoints = "standby"
    ) -> None:
        """As for `LocalSandbox`."""
        self._checkpoints: Checkpoints = checkpoints
        self._preload = list(preload)
        self._python = python or sys.executable
        self._packages = [] if python else package_folders()

    @property
    def name(self) -> str:
        return "subprocess"

    @property
    def offer(self) -> Offer:
        """The network is the host's, and so is the disk, which is limited per file; processes are counted only where
        there are control groups.
        """
        return Offer(
            isolation="process",
            networks=frozenset(["open"]),
            capabilities=frozenset(["files", "interrupt", "checkpoint"]),
            limits=offers.LIMITS - {"inodes", "processes"},
        )

    @contextlib.asynccontextmanager
    async def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AsyncGenerator[BoxSession, None]:
        """A session, for as long as the context lasts. Its network is the host's, also where `network` is `none`.

        Raises:
            UnsupportedError: the network is to be limited to some hosts, or the disk, which nothing here can do.
            SandboxError: the process could not be started.
        """
        offers.check(self, limits=limits, network=network)
        limits = limits or Limits()
        folder = Path(await scratch.make_folder())
        try:
            workspace, temporary = folder / "work", folder / "tmp"
            workspace.mkdir()
            temporary.mkdir()
            options = {
                "form": "plain",
                "preload": self._preload,
                "packages": self._packages,
                "folder": str(folder),
                "workspace": str(workspace),
                "limits": box_limits(limits),
            }
            with contextlib.ExitStack() as given, contextlib.ExitStack() as kept:
                (out, stdout), (err, stderr) = open_pipe(given, kept), open_pipe(given, kept)
                home, output = str(workspace), (stdout, stderr)
                async with (
                    contextlib.AsyncExitStack() as after,
                    launched(self._python, options, home=home, temporary=str(temporary), output=output) as process,
                ):
                    given.close()
                    meter = await Bounds(limits).around(process.pid)
                    after.push_async_callback(meter.remove)
                    session = BoxSession(
                        control=Control(process.wire),
                        pipes=(out, err),
                        tools=tools,
                        meter=meter,
                        checkpoints=self._checkpoints,
                    )
                    try:
                        meter.check_room()
                        await session.start(process)
                        isolation.warn_of_none(session.isolation)
                        yield session
                    finally:
                        session.close()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(folders.remove, str(folder))
