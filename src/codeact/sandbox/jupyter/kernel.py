"""One kernel as the host holds it: started, moved into, asked, interrupted, ended."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import anyio

from codeact.errors import SandboxError
from codeact.sandbox.box.frames import Blob, Frame
from codeact.sandbox.jupyter import boot
from codeact.sandbox.jupyter.link import Ended, Link, Turn
from codeact.sandbox.jupyter.server import Server
from codeact.sandbox.wire import RefusalError, WireClosedError

_BOX = Path(__file__).parent.parent / "box"
_START = 60.0  # seconds to move in
_ANSWER = 60.0  # seconds for an answer to a command
_REST = 5.0  # seconds for what was said before the end of a cell and comes after it, by another channel
_INTERRUPT = 5.0  # seconds for a server to pass on an interrupt

_MOVE_IN = """
def __codeact_boot():
    import base64, json, zlib
    scope = {{"__name__": "codeact_boot"}}
    exec(compile({source!r}, "<codeact boot>", "exec"), scope)
    scope["install"](json.loads(zlib.decompress(base64.b64decode({data!r}))))
    from codeact_box import kernel
    kernel.move_in(json.loads({options!r}))
__codeact_boot()
del __codeact_boot
"""
_SERVE = "__import__('sys').modules['codeact_box.kernel'].serve({request})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """How a session lives in its kernels."""

    workspace: str | None  # a folder on the kernel's machine; None for a new one
    known: bool = False  # whether files of ours are there already
    memory: int  # bytes
    tools: Sequence[Mapping[str, str]] = ()


class Kernel:
    def __init__(self, server: Server, id: str) -> None:
        self.id = id
        self.link = Link(server.address, id)
        self._server = server
        self._requests = itertools.count(1)

    async def move_in(self, tenancy: Tenancy) -> Frame:
        """Connect, and make the kernel an interpreter of ours; what it says of itself. Raises `SandboxError`."""
        options = {"workspace": tenancy.workspace, "known": tenancy.known, "memory": tenancy.memory}
        code = _MOVE_IN.format(**_sources(), options=json.dumps(options))
        await self.link.open()
        try:
            with anyio.fail_after(_START):
                await self.link.execute(code, cell := uuid.uuid4().hex)
                while (said := await self.link.receive()) != Ended(cell):
                    if isinstance(said, Ended) and said.request == cell:
                        raise SandboxError(f"this kernel (a Python one is needed) cannot be used: {said.error}")
        except (WireClosedError, TimeoutError) as error:
            raise SandboxError(f"the kernel did not start: {error or 'no answer'}") from None
        return await self.ask("start", {"tools": list(tenancy.tools)}, answer="ready")

    async def begin(self, code: str, number: int) -> str:
        """Have an action run; the id of its cell. Raises `WireClosedError`."""
        return await self._request(next(self._requests), "run", {"code": code, "number": number}, ())

    async def ask(self, kind: str, body: Mapping[str, Any], blobs: Sequence[Blob] = (), *, answer: str) -> Frame:
        """A command and its answer; not for use while an action runs.

        Raises:
            RefusalError: the code in the kernel said no. SandboxError: it said nothing that makes sense.
        """
        number = next(self._requests)
        try:
            with anyio.fail_after(_ANSWER):
                cell = await self._request(number, kind, body, blobs)
                frame = await self._answer(number, cell)
        except (WireClosedError, TimeoutError) as error:
            raise SandboxError(f"the kernel gave no answer to {kind!r}: {error}") from None
        if frame.kind != answer:
            raise RefusalError(frame)
        return frame

    async def _request(self, number: int, kind: str, body: Mapping[str, Any], blobs: Sequence[Blob]) -> str:
        self.link.post(Frame(kind, {**body, "request": number}, blobs))  # raises for what is too large
        cell = uuid.uuid4().hex
        with anyio.CancelScope(shield=True):  # a cell that is never told what to do would block all others
            await self.link.execute(_SERVE.format(request=number), cell)
            await self.link.flush()
        return cell

    async def _answer(self, number: int, cell: str) -> Frame:
        """Passes over answers to commands that were given up."""
        with anyio.CancelScope() as waiting:
            while True:
                said = await self.link.receive()
                if isinstance(said, Frame) and said.body.get("request") == number:
                    return said
                if said == Turn(cell, begun=False) or (isinstance(said, Ended) and said.request == cell):
                    waiting.deadline = min(waiting.deadline, anyio.current_time() + _REST)
        raise WireClosedError("its cell ended without one")

    async def interrupt(self) -> None:
        """Not cancelled half-way: the signal would arrive during the action after."""
        with contextlib.suppress(SandboxError), anyio.move_on_after(_INTERRUPT, shield=True):
            await self._server.interrupt(self.id)

    async def end(self, patience: float) -> bool:
        """Have the server end it; whether it has. It goes on doing so when `patience` (seconds) is over."""
        await self.link.close()
        with anyio.move_on_after(patience, shield=True), contextlib.suppress(SandboxError):
            await self._server.end(self.id)
            return True
        return False


@cache
def _sources() -> dict[str, str]:
    sources = {path.stem: path.read_text("utf-8") for path in _BOX.glob("*.py")}
    data = base64.b64encode(zlib.compress(json.dumps(sources).encode("ascii"))).decode("ascii")
    return {"source": Path(boot.__file__).read_text("utf-8"), "data": data}
