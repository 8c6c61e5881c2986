"""What a page shows of a chat: values that know nothing of a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from codeact.server.nouns import RunStatus
from codeact.types import JSON

Phase = Literal["reading", "writing", "running", "done"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Output as it came; neighbours of one stream are one chunk."""

    text: str
    stream: Literal["stdout", "stderr"] = "stdout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an action did not run to its end."""

    name: str
    message: str = ""
    traceback: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool that was called, or a host that was asked for: one line each."""

    text: str
    outcome: str | None = None  # None while it goes on
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What an action gives, while it runs and after."""

    chunks: tuple[Chunk, ...] = ()
    hidden: int = 0  # characters at the beginning that are no longer kept here
    value: str | None = None
    displays: tuple[Mapping[str, JSON], ...] = ()  # MIME bundles; bytes are `{"media": sha256, …}`
    failure: Failure | None = None
    calls: tuple[Call, ...] = ()
    duration: float | None = None  # seconds; None while it runs
    state: str = "kept"  # of the variables
    overflow: str | None = None  # file in the workspace that holds all of a long output


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One completion and what follows from it."""

    number: int
    phase: Phase = "reading"
    text: str = ""  # as the model writes it
    reasoning: str = ""
    thought: str | None = None  # as it was read; None until then
    code: str | None = None  # the action as Python
    answer: str | None = None
    note: str = ""  # what holds it up, or was wrong with it
    output: Output = field(default_factory=Output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody has to decide, or to type something, before the run goes on."""

    id: str
    kind: Literal["approval", "question"]
    text: str  # the action as Python, or the prompt of `input()`
    secret: bool = False  # `getpass()`
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShown:
    """A message of the user and what came of it."""

    id: str
    parent: str | None
    text: str
    files: tuple[str, ...] = ()
    status: RunStatus = "running"
    message: str = ""  # why it ended, where that was not by an answer
    turns: tuple[Turn, ...] = ()
    asked: tuple[Asked, ...] = ()
    tokens: int = 0
    cost: float | None = None  # USD; None where no price is known
    duration: float = 0.0  # seconds

    @property
    def waiting(self) -> Sequence[Asked]:
        return [asked for asked in self.asked if not asked.settled]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What became of the interpreter when a chat was woken, or a run undone."""

    state: str
    skipped: Mapping[str, str] = field(default_factory=dict[str, str])  # variable to reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A chat as it is to be seen after some number of events."""

    number: int = 0  # of the last event that is in it
    runs: Mapping[str, RunShown] = field(default_factory=dict[str, RunShown])  # in the order in which they were begun
    head: str | None = None
    running: str | None = None
    notice: Notice | None = None
    asleep: bool = False

    @property
    def path(self) -> Sequence[RunShown]:
        """The runs on display, first to last: those that lead to the head."""
        found: list[RunShown] = []
        run = self.runs.get(self.head or "")
        while run is not None and len(found) < len(self.runs):
            found.append(run)
            run = self.runs.get(run.parent or "")
        return found[::-1]

    def siblings(self, run: RunShown) -> Sequence[RunShown]:
        """The runs that follow the same one, this among them."""
        return [other for other in self.runs.values() if other.parent == run.parent]

    def tip(self, run: str) -> str:
        """The newest run that follows `run`: what somebody wants to see who chooses its branch."""
        found = run
        for other in self.runs.values():
            if other.parent == found:
                found = other.id
        return found
