"""Filters: small named things that take a stream of candidates and let some of them through.

A pipeline is data: names with values, in an order. Two are ready: `paper`, exactly the rules that CodeActInstruct was
selected by (paper, section 4; 4.3 of its code), and `ours`, which adds what those lack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from codeact.instruct.candidate import Candidate
from codeact.instruct.terms import ALLOWED_LICENCES, FORBIDDING_MODELS, NO_LICENCE
from codeact.instruct.tokens import Counter, estimated


class Filter(Protocol):
    """Lets some candidates through, and keeps their order."""

    @property
    def name(self) -> str: ...

    @property
    def reason(self) -> str:
        """One line: why what it drops is dropped."""
        ...

    def __call__(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]: ...


@dataclass(frozen=True, slots=True)
class Each:
    """A filter that looks at one candidate at a time."""

    name: str
    reason: str
    wanted: Callable[[Candidate], bool]

    def __call__(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        return filter(self.wanted, candidates)


@dataclass(frozen=True, slots=True)
class Once:
    """A filter that lets the first of those with the same key through."""

    name: str
    reason: str
    key: Callable[[Candidate], str]

    def __call__(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        seen = set[str]()
        for candidate in candidates:
            key = self.key(candidate)
            if key not in seen:
                seen.add(key)
                yield candidate


PLAIN = Each("plain", "acts by native calls, which a row of text cannot hold", lambda candidate: candidate.plain)


def once() -> Filter:
    """The paper's first rule."""
    return Once("once", "a second time the same task, model and settings", lambda candidate: candidate.row.id)


def success(by: str = "judged") -> Filter:
    """`answered` takes runs that nobody has judged by their having ended with an answer."""
    if by == "answered":
        return Each("success", "ended without an answer", lambda candidate: candidate.answered)
    return Each("success", "its task was not solved", lambda candidate: candidate.row.success)


def turns(least: int = 3) -> Filter:
    return Each("turns", f"fewer than {least} turns", lambda candidate: candidate.row.turns >= least)


def readable() -> Filter:
    """The paper's: every reply but the last could not be read."""
    return Each(
        "readable",
        "no turn but the last could be read",
        lambda candidate: candidate.row.turns - 1 != candidate.unreadable,
    )


def even() -> Filter:
    """The paper's: so many messages of the user as of the assistant."""

    def wanted(candidate: Candidate) -> bool:
        return sum(message.role != "system" for message in candidate.row.messages) % 2 == 0

    return Each("even", "an odd number of messages: one is missing", wanted)


def alternating() -> Filter:
    """What `even` stands for: user and assistant take turns, from the user's first message to the assistant's last."""

    def wanted(candidate: Candidate) -> bool:
        roles = [message.role for message in candidate.row.messages if message.role != "system"]
        return roles == ["user", "assistant"] * (len(roles) // 2)

    return Each("alternating", "user and assistant do not take turns", wanted)


def clean_step(by: str = "exception") -> Filter:
    """An intermediate action that ran cleanly; `word` goes by the word "Error" in what it showed, as the paper did."""

    def wanted(candidate: Candidate) -> bool:
        before = candidate.turns[:-1]
        if by == "word":
            return any(turn.kind == "unreadable" or (turn.kind == "action" and not turn.says_error) for turn in before)
        return any(turn.clean for turn in before)

    return Each("clean_step", "no step before the last ran cleanly", wanted)


def fixed() -> Filter:
    return Each("fixed", "nothing erred and was fixed", lambda candidate: candidate.erred_then_fixed)


def formats(names: Sequence[str] = ("code",)) -> Filter:
    listed = ", ".join(names)
    return Each("formats", f"acts otherwise than in {listed}", lambda candidate: candidate.format in names)


def licences(allowed: Sequence[str] = ALLOWED_LICENCES) -> Filter:
    """By the licence of the task's data."""
    return Each(
        "licences",
        "the licence of its data is not on the list",
        lambda candidate: (candidate.row.licence or NO_LICENCE) in allowed,
    )


def models(denied: Sequence[str] = FORBIDDING_MODELS) -> Filter:
    """By patterns of models' names."""

    def wanted(candidate: Candidate) -> bool:
        name = candidate.row.model.lower()
        return not any(fnmatchcase(name, pattern.lower()) for pattern in denied)

    return Each("models", "its model's terms forbid to train on what it writes", wanted)


def tokens(most: int = 4096, counter: Counter = estimated) -> Filter:
    """By the length of the whole talk; what is longer is left out, never cut."""
    return Each(
        "tokens",
        f"more than {most:,} tokens ({counter.name})",
        lambda candidate: counter.of_row(candidate.row) <= most,
    )
