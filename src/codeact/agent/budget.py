"""What one run may use, and the meter that says when it is used up."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from codeact.errors import UsageError
from codeact.types import OutcomeStatus, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one run: one task, or one message of a conversation."""

    turns: int = 10  # actions and answers; replies that could not be read are not counted
    tokens: int | None = None  # prompt and output tokens over all turns; None for no limit
    time: float | None = None  # seconds of wall time, waiting for approval not counted; None for no limit
    action_time: float = 60.0  # seconds for one action
    reply_tokens: int = 1024  # output tokens of one reply
    repeats: int = 3  # the same action with the same visible result this many times in a row ends the run
    malformed: int = 3  # this many unreadable replies in a row end the run
    objections: int = 2  # how often the answer checks may send an answer back
    unreadable_turns: bool = False  # whether a reply that could not be read counts as a turn
    remarks: bool = True  # whether the loop tells the model about its last turn and about a repeated action

    def __post_init__(self) -> None:
        least = {"turns": 1, "reply_tokens": 1, "repeats": 2, "malformed": 1, "objections": 0}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise UsageError(f"{name} of a budget must be at least {value}, not {getattr(self, name)!r}")
        for name in ("tokens", "time", "action_time"):
            if (given := getattr(self, name)) is not None and given <= 0:
                raise UsageError(f"{name} of a budget must be positive, not {given!r}")


@dataclass(slots=True)
class Meter:
    """What a run has used so far. Its `scope` ends the run when the wall time is over."""

    budget: Budget
    turns: int = 0
    malformed: int = 0  # in a row
    objections: int = 0
    repeats: int = 1  # how many times in a row the last action has come with the same result
    usage: Usage = field(default_factory=Usage)
    paused: float = 0.0  # seconds that do not count
    started: float = field(default_factory=time.monotonic)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def elapsed(self) -> float:
        """Seconds of the run, pauses left out."""
        return time.monotonic() - self.started - self.paused

    @contextmanager
    def limit(self) -> Generator[None]:
        """Run the body under the wall time of the budget; leaves quietly when that is over."""
        if self.budget.time is not None:
            self.scope.deadline = anyio.current_time() + self.budget.time
        with self.scope:
            yield

    @contextmanager
    def pause(self) -> Generator[None]:
        """Time in the body does not count: somebody is asked for approval. Not to be nested."""
        started, deadline = time.monotonic(), self.scope.deadline
        self.scope.deadline = math.inf
        try:
            yield
        finally:
            waited = time.monotonic() - started
            self.paused += waited
            self.scope.deadline = deadline + waited

    def exhausted(self) -> tuple[OutcomeStatus, str] | None:
        """Which part of the budget is used up, with the sentence for people; None while there is some left."""
        budget = self.budget
        if self.scope.cancelled_caught:
            return "time_limit", f"no answer within {budget.time:g} s"
        if self.malformed >= budget.malformed:
            return "malformed", f"{self.malformed} replies in a row could not be read as an action or an answer"
        if self.repeats >= budget.repeats:
            return "repeated", f"the same action with the same result {self.repeats} times in a row"
        if budget.tokens is not None and self.usage.tokens >= budget.tokens:
            return "token_limit", f"{self.usage.tokens:,} tokens used of the {budget.tokens:,} allowed"
        if self.turns >= budget.turns:
            return "turn_limit", f"no answer within {budget.turns} turns"
        return None
