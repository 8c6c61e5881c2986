"""The sandbox seam: a place that opens boxes, and a session in one: a stateful interpreter and its workspace."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Protocol, overload

from codeact.errors import UsageError
from codeact.events import Emit, ignore
from codeact.sandbox.isolation import Level
from codeact.sandbox.network.policy import Allow, NetworkPolicy
from codeact.types import BoxInfo, ExecResult, ToolBox

__all__ = [
    "Allow",
    "Capability",
    "Checkpoint",
    "FileInfo",
    "Limits",
    "MiB",
    "NetworkPolicy",
    "Offer",
    "Sandbox",
    "Session",
    "Variable",
]

MiB = 1024 * 1024
_INTERPRETER = 64 * MiB  # bytes that are needed before an agent's code does anything
_LEAST = {
    "memory": _INTERPRETER,
    "total_memory": 2 * _INTERPRETER,
    "cpu_time": 0.01,
    "processes": 2,
    "open_files": 32,
    "workspace": MiB,
    "inodes": 64,
    "output": 1024,
    "tool_calls": 0,
}

Capability = Literal["files", "interrupt", "checkpoint", "fork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one session may use. Meeting a limit is a result that the model can read, never a hang. The limit of wall
    time is given with each action.

    Raises:
        UsageError: a limit that nothing could run under, or two that contradict each other.
    """

    memory: int = 4096 * MiB  # bytes per process: a clean MemoryError
    total_memory: int = 6144 * MiB  # bytes of all processes and files together: the kernel ends a process
    cpu_time: float | None = None  # seconds of processor time per action, of all processes together
    processes: int = 128  # threads count as well
    open_files: int = 1024  # per process
    workspace: int = 1024 * MiB  # bytes of files, /tmp included; of each file where they lie on the host's disk
    inodes: int = 200_000  # files and folders, /tmp included
    output: int = 8 * MiB  # bytes of output kept per action; the rest is counted and dropped
    tool_calls: int = 1000  # per action

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value: float | None = getattr(self, name)
            if value is not None and not value >= least:
                raise UsageError(f"the limit {name}={value!r} is too low to run anything; give at least {least:,}")
        if self.memory > self.total_memory:
            raise UsageError(
                f"the limit memory={self.memory:,} (bytes per process) is above total_memory={self.total_memory:,} "
                "(bytes of the whole session); lower the first or raise the second"
            )
        if self.workspace > self.total_memory - _INTERPRETER:
            raise UsageError(
                f"the limit workspace={self.workspace:,} leaves too little of total_memory={self.total_memory:,}: "
                f"files are kept in memory, and an interpreter needs {_INTERPRETER:,}; lower the first or raise the "
                "second"
            )


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
    after: int = 0  # number of the last action whose effects it has
    notes: tuple[str, ...] = ()  # what it could not keep: open sockets, running programs, …


@dataclass(frozen=True, slots=True)
class Every:
    """A checkpoint after every `n`-th action, files included; the last `keep` are kept."""

    n: int = 1
    keep: int = 8


# What a session keeps by itself: nothing; a *standby*, which is the variables from just before the action, for when an
# action kills the interpreter; or whole checkpoints.
Checkpoints = Literal["none", "standby"] | Every


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

    @overload
    async def get(self, path: str) -> bytes: ...

    @overload
    async def get(self, path: str, *, to: Path) -> int: ...

    async def get(self, path: str, *, to: Path | None = None) -> bytes | int:
        """Read a file of the workspace; links are not followed. With `to`, into a new file of the host, whole or not at
        all, without holding it in memory; how many bytes it has.

        Raises:
            TransferError: no such regular file, or it is larger than the workspace allows; `to` exists or cannot be
            written.
        """
        ...

    async def files(self, *, hidden: bool = False) -> Sequence[FileInfo]:
        """The regular files of the workspace, 10,000 at most; those with a leading dot only where they are wanted."""
        ...

    async def checkpoint(self) -> Checkpoint:
        """Keep variables and files as they are now. `restore` returns to them, as often as one likes.

        Raises:
            UnsupportedError: `capabilities` lacks it, or this state can't be copied (native threads, say).
            TransferError: there is no room for a copy of the files.
        """
        ...

    async def restore(self, checkpoint: Checkpoint) -> None:
        """Go back: variables and files are as they were, programs that were started since are ended.

        Raises:
            UsageError: the checkpoint is not, or no longer, this session's.
            SandboxError: it is gone, because the code of an action ended it; the session goes on as it was.
        """
        ...

    async def forget(self, checkpoint: Checkpoint) -> None:
        """Let go of a checkpoint that nobody will return to, with its memory and files. One that is gone is none."""
        ...

    async def fork(self) -> Branch:
        """The same state, twice: a session that begins with these variables and files and goes its own way.

        It lives until it is left (`async with await session.fork() as branch`), and no longer than this session. Both
        belong to one agent: they are not protected from each other.

        Raises:
            UnsupportedError: `capabilities` lacks it, or this state can't be copied. Where `checkpoint` is there, try
            one thing after the other: checkpoint, act, restore, act.
            TransferError: there is no room for a copy of the files.
        """
        ...


class Branch(Session, Protocol):
    """A session that was forked from another."""

    async def __aenter__(self) -> Session: ...

    async def __aexit__(self, *exc_info: object) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a sandbox can do for any session; what one session has found on its host is in its own `capabilities`."""

    isolation: Level  # that it aims at; what held is in `BoxInfo.isolation`
    networks: frozenset[Literal["none", "packages", "allow", "open"]]  # policies that are kept; `allow`: lists of hosts
    capabilities: frozenset[Capability] = frozenset(["files", "interrupt"])
    limits: frozenset[str] = frozenset(field.name for field in fields(Limits))  # that are kept; by name


class Sandbox(Protocol):
    """Configuration only; opens sessions."""

    @property
    def name(self) -> str: ...

    @property
    def offer(self) -> Offer:
        """Declared, and nothing is started to find out; `offers.check` compares it with what is asked for."""
        ...

    def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AbstractAsyncContextManager[Session]: ...
