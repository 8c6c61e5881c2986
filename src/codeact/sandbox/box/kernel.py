"""A worker whose process is a Jupyter kernel. This folder is sent there as source (`codeact.sandbox.jupyter.boot`), and
each request of the host is one cell that calls `serve`.

Actions run in a shell of our own beside the kernel's, so they mean what they mean in every other box; the variables
that the kernel had at the start are there too. Nothing here confines: the kernel's owner decides what code in it can
reach.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import getpass
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

from . import files, folders, hints, notable, shell
from .frames import Frame
from .output import Streams
from .tunnel import Pump, Tunnel
from .worker import Worker

_NOT_BEGUN = {"kind": "interrupted", "name": "KeyboardInterrupt", "message": "", "traceback": ""}
_DEPTH = 1000  # of calls
_residents: list[_Resident] = []  # one, once it has moved in


def move_in(options: Mapping[str, Any]) -> None:
    """Make this kernel the interpreter of a session. `options`: the workspace, or null for a new folder; whether it has
    to be there; the memory limit in bytes.
    """
    host: Any = get_ipython()
    if not hasattr(host, "kernel"):
        raise RuntimeError(f"a kernel of {type(host).__name__} is not one of ipykernel, which is what is supported")
    workspace = _workspace(options["workspace"], known=options["known"])
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = options["memory"] if hard == resource.RLIM_INFINITY else min(options["memory"], hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    os.environ |= {"MPLBACKEND": "Agg", hints.POLICY: "open"}  # for programs that are started inside, and for hints
    os.chdir(workspace)
    host.clear_instance()  # `get_ipython()` and `display` find the shell in which actions run
    with _no_loop():
        own: Any = shell.make()
    for name, value in host.user_ns.items():
        if name[:1] != "_":
            own.user_ns.setdefault(name, value)
    _residents.append(_Resident(Tunnel(host.kernel), workspace))


def serve(request: int) -> None:
    """One request of the host."""
    (resident,) = _residents
    with _no_loop():
        resident.answer(request)


class _Resident:
    """Does one thing at a time when it is called, where other workers wait for commands in a loop of their own."""

    def __init__(self, tunnel: Tunnel, workspace: str) -> None:
        tunnel.attach()
        self._tunnel = tunnel
        self._pump = pump = Pump(tunnel.send)
        self._workspace = workspace
        self._worker = Worker(tunnel, Streams(*pump.writers, flushed=pump.drain), workspace)
        self._stopped = False
        self._asking = builtins.input, getpass.getpass

    def answer(self, request: int) -> None:
        """Do what the host asks under this number; what it has asked before and then given up is passed over."""
        self._tunnel.attach()
        self._stopped = False
        signal.signal(signal.SIGINT, self._stop_early)
        builtins.input, getpass.getpass = self._asking  # the kernel puts its own there for each cell
        link = self._worker.link
        while (frame := link.command()).body["request"] != request:
            pass
        if frame.kind == "run":
            self._act(frame.body["code"], frame.body["number"])
            return
        try:
            reply = self._do(frame.kind, frame.body, frame.blobs)
        except (files.FileError, OSError) as error:
            reply = Frame("refused", {"reason": str(error)})
        link.send(reply.kind, {**reply.body, "request": request}, reply.blobs)

    def _act(self, code: str, number: int) -> None:
        if late := self._pump.begin(number):
            self._worker.link.send("late", {}, [late])
        try:
            if self._stopped:
                self._worker.link.send("result", {"number": number, "error": _NOT_BEGUN})
            else:
                self._worker.run(code, number)
        finally:
            self._pump.end()
            sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEPTH))  # less would be too little for the kernel

    def _stop_early(self, *_: object) -> None:
        """An interrupt before the code has begun."""
        self._stopped = True

    def _do(self, kind: str, body: Mapping[str, Any], blobs: Sequence[Any]) -> Frame:
        match kind:
            case "start":
                self._worker.start(body)
                self._asking = builtins.input, getpass.getpass  # the host's, if somebody is there to answer
                python, packages = sys.version.split()[0], notable.versions()
                return Frame("ready", {"python": python, "packages": packages, "workspace": self._workspace})
            case "variables":
                return Frame("variables", {"variables": self._worker.variables()})
            case "write":
                files.write(self._workspace, body["path"], blobs[0], start=body["start"])
                return Frame("written")
            case "read":
                size, data = files.read(self._workspace, body["path"], body["offset"])
                return Frame("chunk", {"size": size}, [data])
            case "list":
                return Frame("listed", {"files": files.listing(self._workspace, hidden=body.get("hidden", False))})
            case "leave":
                folders.remove(str(Path(self._workspace).parent))
                return Frame("left")
            case _:
                return Frame("refused", {"reason": f"no such command: {kind}"})


def _workspace(wanted: str | None, *, known: bool) -> str:
    if wanted is None:
        folder = Path(tempfile.mkdtemp(prefix="codeact-"), "work")
        folder.mkdir()
        return str(folder)
    place = Path(wanted).absolute()
    if known and not place.is_dir():
        raise RuntimeError(f"{wanted!r} is gone: this kernel does not see the files of the one before")
    try:
        if not place.exists():
            place.mkdir(parents=True)
        with tempfile.TemporaryFile(dir=place, buffering=0) as probe:
            probe.write(b"x")
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"the workspace {wanted!r} cannot be used: {error}; name a folder by workspace= that the kernel can write "
            "to and that has room, or none for a new one per session"
        ) from None
    return str(place)


@contextlib.contextmanager
def _no_loop() -> Generator[None]:
    """The kernel calls us from inside its own event loop, which stands still for as long; a cell with `await` and
    `asyncio.run` needs one of its own, and asyncio allows that only to who seems to be in none.
    """
    events: Any = asyncio.events
    tasks: Any = asyncio.tasks
    loop = asyncio.get_running_loop()
    swap: Any = getattr(tasks, "_swap_current_task", _no_swap)
    task = swap(loop, None)
    events._set_running_loop(None)
    try:
        yield
    finally:
        events._set_running_loop(loop)
        swap(loop, task)


def _no_swap(loop: object, task: object) -> None:
    """Before Python 3.12 each event loop had its own idea of the current task, and none has to be told."""
