"""What the service keeps: chats, each a tree of runs; their events; who may see them; and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from codeact.types import JSON, Trajectory

# `answered` … `cancelled` are an outcome's; `running` has none yet, and `interrupted` will have none: the server died.
RunStatus = Literal["running", "answered", "limit", "cancelled", "error", "interrupted"]

# What a chat's interpreter has after it was woken, a run was undone or a branch was taken: exactly that state
# (`kept`: a checkpoint); the variables that could be saved, and the files (`saved`); the files alone (`files`); what
# the same code gave when it ran again (`replayed`); nothing (`lost`).
StateKept = Literal["kept", "saved", "files", "replayed", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a chat's agent is made. Each name is an argument of `Agent`, or one of its parts."""

    model: str = ""  # `provider:model`; empty takes the service's default
    actions: Literal["code", "json", "text"] = "code"
    tools: tuple[str, ...] = ()  # by name, of those that the service offers
    network: str = "none"
    system: str = ""
    approve: bool = False  # ask before each action
    temperature: float | None = None
    turns: int | None = None  # of a run; None takes the service's default, which is also the most
    tokens: int | None = None
    memory: int | None = None  # bytes of the session


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation that outlives the process: runs that form a tree, and which of them is the last one on display."""

    id: str
    owner: str
    title: str = ""
    settings: Settings = field(default_factory=Settings)
    head: str | None = None  # id of the run that the next message follows; None: the beginning
    by_hand: bool = False  # the user has run a cell, or put a file, beside the runs, which no record has
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A message of the user and all that the agent did about it: a node of a chat's tree."""

    id: str  # also its trajectory's
    chat: str
    parent: str | None  # id of the run before; None: the first of its branch
    text: str
    files: tuple[str, ...] = ()  # names of what the user gave with it
    status: RunStatus = "running"
    created: datetime
    trajectory: Trajectory | None = None  # as far as it got; whole once the run has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of a chat as it was told: numbered without gaps from 1, so that a client can go on where it was."""

    number: int
    run: str | None  # None: about the chat itself (`chat_changed`, `head_moved`, `slept`, …)
    event: Mapping[str, JSON]  # `kind` and its fields
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A link by which anybody may read a chat up to a run."""

    token: str
    chat: str
    head: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSession:
    """What a sleeping chat left behind of its interpreter."""

    chat: str
    head: str | None  # the run after which it was saved
    state: bytes | None  # of `sandbox.portable`; None where nothing could be saved
    files: bytes  # a tar archive of the workspace
    skipped: Mapping[str, str]  # what could not be saved: name to reason
    saved: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A line of the audit log."""

    at: datetime
    owner: str
    chat: str | None
    what: str  # `action`, `upload`, `approve`, `login`, `refused`, …
    detail: Mapping[str, JSON]
