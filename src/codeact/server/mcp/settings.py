"""How the interpreters of MCP clients are made, and what each may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codeact.sandbox.base import Limits, NetworkPolicy

MiB = 1024 * 1024
PATH = "/mcp"  # of the one address there is over HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class McpSettings:
    limits: Limits = field(default_factory=Limits)
    network: NetworkPolicy = "none"
    time_limit: float = 60.0  # seconds of an action that asks for no other
    most_time: float = 600.0  # seconds that an action may ask for
    shown: int = 10_000  # characters of output that a model sees of one action
    files: Sequence[Path] = ()  # that every new workspace begins with
    share: Path | None = None  # folder of the host, to and from which files may be copied; None: no way to the host
    idle: float | None = None  # seconds without a call after which a client's interpreter ends; None: never
    desks: int = 16  # clients with an interpreter at a time
    most_message: int = 16 * MiB  # bytes of one message of a client
    most_file: int = 8 * MiB  # bytes of a file that is handed over in one message
