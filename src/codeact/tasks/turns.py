"""Generators whose kinds of tasks take turns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

from codeact.errors import UsageError


def kinds_in_turn(suite: str, known: Collection[str], kinds: str | Sequence[str], count: int) -> list[str]:
    """The kind of each of `count` tasks.

    Raises:
        UsageError: no such kind, or a count below 1.
    """
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{suite} has no kind {unknown[0]!r}; there are: {', '.join(known)}")
    if not isinstance(cast("object", count), int) or count < 1 or not names:
        raise UsageError(f"{suite} needs a count of 1 or more and a kind, not count={count!r}, kinds={kinds!r}")
    return [names[number % len(names)] for number in range(count)]
