"""A box in another place, at the other end of a byte stream: the host's side of `box.remote`.

What the stream carries becomes the same descriptors as on one machine (a control socket, two output pipes, a socket and
a handle for each worker), moved by a thread of its own: `BoxSession` knows no difference. The code of the box travels
first, so a place needs an interpreter and its packages, and nothing of ours.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
import time
import zipfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread

from codeact.errors import SandboxError
from codeact.sandbox.box import mux
from codeact.sandbox.box.ends import Descriptor, Port, Socket
from codeact.sandbox.launch import versions
from codeact.sandbox.output import Pipe, open_pipe
from codeact.sandbox.wire import Wire, WireClosedError

# Run as `python3 -I -B -c BOOT`: takes the options and the code from standard input, and keeps the code in a file that
# has no name and can be changed by nobody.
BOOT = """
import fcntl, importlib, os, sys
def take():
    data, size = b"", 0
    while len(data) < 4 + size:
        data += os.read(0, 4 + size - len(data)) or sys.exit("the host has gone")
        size = int.from_bytes(data[:4], "big") if len(data) >= 4 else 0
    return data[4:]
options, code = take().decode(), memoryview(take())
fd = os.memfd_create("codeact", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
while code:
    code = code[os.write(fd, code):]
fcntl.fcntl(fd, 1033, 15)
sys.path.insert(0, f"/proc/self/fd/{fd}")
remote = importlib.import_module("codeact_box.remote")
del sys.path[0]
remote.main(options)
"""
BOX = Path(__file__).parent / "box"
_ALIVE = 5.0  # seconds from one sign of life to the next
_LOOK = 1.0  # seconds after which is looked for what has waited long enough
_START = 120.0  # seconds; importing the data stack on a slow disk
_LEAVE = 10.0  # seconds for the thread to end


class Stream(mux.Stream, Protocol):
    @property
    def last_words(self) -> str:
        """What the place has said beside the stream, on its standard error, say; for people."""
        ...


@dataclass(frozen=True, slots=True)
class Remote:
    """A box in another place, ready to be a session."""

    wire: Wire
    pipes: tuple[Pipe, Pipe]
    python: str
    packages: Mapping[str, str]


@contextlib.asynccontextmanager
async def remote(stream: Stream, options: Mapping[str, Any]) -> AsyncGenerator[Remote]:
    """Bring the box to the other end of `stream` to life, and stay connected while the context lasts.

    Raises:
        SandboxError: it did not start; says why.
    """
    with contextlib.ExitStack() as kept:
        wire, pipes, carrier = _ends(kept, stream)
        carrier.say(_payload(options))
        thread = threading.Thread(target=_carry, args=(carrier,), name="codeact-remote")
        thread.start()
        try:
            python, packages = await _serving(wire, stream)
            yield Remote(wire, pipes, python, packages)
        finally:
            wire.close()  # which is how the carrier learns that it is over
            with anyio.move_on_after(_LEAVE, shield=True):
                await anyio.to_thread.run_sync(thread.join, abandon_on_cancel=True)


def _ends(kept: contextlib.ExitStack, stream: Stream) -> tuple[Wire, tuple[Pipe, Pipe], _Carrier]:
    """The ends of control socket and output pipes: ours, and those of a carrier."""
    with contextlib.ExitStack() as given:
        ours, theirs = socket.socketpair()
        given.callback(theirs.close)
        wire = Wire(ours, descriptors=True)
        kept.callback(wire.close)
        (out, stdout), (err, stderr) = open_pipe(given, kept), open_pipe(given, kept)
        carrier = _Carrier(stream, theirs, Descriptor(stdout), Descriptor(stderr))
        given.pop_all()
    return wire, (out, err), carrier


async def _serving(wire: Wire, stream: Stream) -> tuple[str, Mapping[str, str]]:
    try:
        with anyio.fail_after(_START):
            frame = await wire.receive()
    except TimeoutError:
        raise SandboxError(f"the box did not start within {_START:.0f} seconds") from None
    except WireClosedError:
        words = stream.last_words.strip()[-2000:]
        raise SandboxError(f"the box ended while starting: {words or 'without a word'}") from None
    if frame.kind != "serving":
        raise SandboxError(f"the box could not start: {frame.body.get('reason')}")
    return str(frame.body.get("python", "")), versions(frame.body.get("packages"))


def _payload(options: Mapping[str, Any]) -> bytes:
    """Options and code, each after its length."""
    parts = json.dumps(options).encode(), _code()
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _code() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(BOX.glob("*.py")):
            archive.write(path, f"codeact_box/{path.name}")
    return file.getvalue()


def _carry(carrier: _Carrier) -> None:
    """Move bytes until either end is closed. What breaks the rules ends it too; the session finds its wires closed."""
    told = time.monotonic()
    try:
        with contextlib.suppress(mux.MuxError):
            while not carrier.closed and not carrier.over(mux.CONTROL):
                carrier.turn(_LOOK)
                if time.monotonic() - told >= _ALIVE:
                    carrier.say_alive()
                    told = time.monotonic()
    finally:
        carrier.close()


class _Carrier(mux.Mux):
    def __init__(self, stream: Stream, control: socket.socket, stdout: Port, stderr: Port) -> None:
        self._control = Socket(control, partial(self.carry, mux.CONTROL))
        super().__init__(stream, {mux.CONTROL: self._control, mux.STDOUT: stdout, mux.STDERR: stderr}, inside=False)

    def carry(self, along: int, fd: int) -> None:
        """A socket that the session has sent along the lane `along`."""
        port = Socket(socket.socket(fileno=fd))
        port.take = partial(self.carry, self.open(port, along))

    def made(self, number: int, along: int) -> Port:
        """A process of the box. The session gets a socket for its handle, which ends when the process ends."""
        if along != mux.CONTROL:
            raise mux.MuxError(f"a process came along lane {along}")
        ours, theirs = socket.socketpair()
        self._control.give(theirs)
        return Descriptor(ours.detach())
