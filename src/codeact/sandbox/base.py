"""The sandbox seam: a place that opens boxes, and a session in one: a stateful interpreter and its workspace."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from codeact.events import Emit, ignore
from codeact.types import BoxInfo, ExecResult, ToolBox

MiB = 1024 * 1024

NetworkPolicy = Literal["none", "open"]
Capability = Literal["files", "interrupt", "checkpoint", "fork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one session may use. Meeting a limit is a result that the model can read, never a hang."""

    memory: int = 4096 * MiB  # bytes per process of the session
    processes: int = 128
    open_files: int = 1024
    workspace: int = 1024 * MiB  # bytes of files, /tmp included
    output: int = 8 * MiB  # bytes of output kept per action; the rest is counted and dropped
    tool_calls: int = 1000  # per action


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    path: str  # relative to the workspace
    size: int  # bytes
    modified: float  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A name in the interpreter, for people and for the prompt."""

    name: str
    type: str
    shape: str = ""  # "(100, 3)" or "len 5"; empty where neither applies
    size: int = 0  # bytes, shallow
    preview: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of a session to which it can return. Valid for that session only, until it closes."""

    id: str


class Session(Protocol):
    @property
    def info(self) -> BoxInfo: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def interrupted(self) -> ExecResult | None:
        """What the last `run` had done when it was cancelled: which tools took effect, whether variables are kept. None
        when it was not cancelled. For whoever cancels; a session without this knowledge says None.
        """
        ...

    async def run(self, code: str, *, time_limit: float = 60.0, emit: Emit = ignore) -> ExecResult:
        """Run one action; state stays for the next.

        Always returns, at the latest some seconds after `time_limit` (seconds of running code; time spent in host
        tools is not counted). Emits `OutputChunk` and `DisplayShown`. What the code does wrong is in the result.
        Cancelling this call stops the action and leaves the session usable.

        Raises:
            SessionClosedError: the session has ended.
            SandboxError: the machinery failed.
        """
        ...

    async def interrupt(self) -> None:
        """Stop the running action, if any; its `run` returns with an `interrupted` error."""
        ...

    async def reset(self) -> None:
        """A fresh interpreter; the files stay."""
        ...

    async def variables(self) -> Sequence[Variable]: ...

    async def put(self, path: str, data: bytes | Path) -> None:
        """Write a file of the workspace, from bytes or from a file of the host. `path` is relative to the workspace.

        Raises:
            TransferError: the path leaves the workspace, or there is no room.
        """
        ...

    async def get(self, path: str) -> bytes:
        """Read a file of the workspace; links are not followed.

        Raises:
            TransferError: no such regular file, or it is larger than the workspace allows.
        """
        ...

    async def files(self) -> Sequence[FileInfo]: ...

    async def checkpoint(self) -> Checkpoint:
        """Raises `UnsupportedError` where `capabilities` lacks it."""
        ...

    async def restore(self, checkpoint: Checkpoint) -> None: ...

    async def fork(self) -> Session:
        """The same state, twice. Raises `UnsupportedError` where `capabilities` lacks it."""
        ...


class Sandbox(Protocol):
    """Configuration only; opens sessions."""

    @property
    def name(self) -> str: ...

    def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AbstractAsyncContextManager[Session]: ...
