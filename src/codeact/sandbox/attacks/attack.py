"""The nouns of the suite: an attack, what is done in it, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from codeact.sandbox.base import Capability
from codeact.sandbox.isolation import Level
from codeact.types import ExecResult

Verdict = Literal[
    "held",  # the attempt was refused
    "contained",  # it happened, but only to the session itself, or up to a limit
    "not held",  # it reached something outside, or it is a power that no agent's code should have
    "works",  # something honest that must keep working does
    "broken",  # … does not
    "not applicable",  # this sandbox or machine lacks what the attempt needs
    "not tried",  # it would harm a machine that nothing isolates
    "faulty",  # the attempt itself is wrong: its code failed in a way that proves nothing
]


@dataclass(frozen=True, slots=True)
class Run:
    """Run an action in the session under attack."""

    code: str
    time_limit: float | None = None  # seconds; None for that of the attack


@dataclass(frozen=True, slots=True)
class Get:
    path: str


@dataclass(frozen=True, slots=True)
class Put:
    path: str
    data: bytes = b"put by the host"


@dataclass(frozen=True, slots=True)
class Do:
    """What the host does with the session."""

    what: Literal["list", "variables", "reset", "checkpoint"]


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Beside:
    """An action of the neighbour, which must give this value."""

    code: str
    value: str


Step = Run | Get | Put | Do | Wait | Beside


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the host saw of an attack: the results of its actions, and the data of the files it fetched."""

    results: Sequence[ExecResult]
    files: Sequence[bytes]
    output_limit: int  # bytes per action
    views: Sequence[str] = ()  # the results as a person's terminal, a prompt and a record show them


def nothing(seen: Seen) -> str:
    """The harm of most attacks, which is left to the standing witnesses: see `ground`."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Something that code in a box may try. The code finds `host` and all of `inside` around it."""

    family: str
    name: str
    tries: str  # in plain words, to be read after "code tries to"
    code: str
    promise: str  # the layer that promises to hold it; "host": the host's own checks, which always hold
    else_by: str = ""  # the layer that promises it where that one is missing
    then: tuple[Step, ...] = ()  # what follows the code
    done: Literal["not held", "contained", "works"] = "not held"  # if all of it runs and no witness sees harm
    within: str = ""  # if that is "contained": the namespace that bounds it ("pid", "net", …), else the host's checks
    harm: Callable[[Seen], str] = nothing  # a witness of its own: what harm it sees, or ""
    refusals: frozenset[str] = frozenset()  # names of errors that mean "refused" beside OSError and MemoryError
    alone: bool = False  # reaches for what all sessions of a user share, so that no other attack may go on meanwhile
    safe: bool = False  # on a machine that nothing isolates it can harm only what the suite has put there
    needs: frozenset[Capability] = frozenset()
    lacking: frozenset[Level] = frozenset()  # isolation levels that do not let this honest thing work, and say so
    packages: frozenset[str] = frozenset()
    time_limit: float = 10.0  # seconds per action

    @property
    def id(self) -> str:
        return f"{self.family}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one attack went."""

    id: str
    family: str
    tries: str
    verdict: Verdict
    layer: str = ""  # what held or bounded it, read from what it met
    met: str = ""  # that: an error, a limit, or the harm that a witness saw
    promise: str = ""
    promised: bool = True  # whether that layer is there, so that "not held" is a hole and not a known gap
    after: Literal["", "kept", "reset", "fresh"] = ""  # which interpreter answered afterwards
    seconds: float = 0.0

    @property
    def bad(self) -> bool:
        """A hole, or something that should work and does not."""
        return self.verdict in ("broken", "faulty") or (self.verdict == "not held" and self.promised)
