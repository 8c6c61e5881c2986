"""The suite: as many tasks as are wanted, from a seed, spread over domains and numbers of calls."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.base import Profile, Rules, Suite, Task
from codeact.tasks.m3gen import office, places, puzzles
from codeact.tasks.m3gen.dial import Dial, Generate
from codeact.tasks.m3gen.distractors import distractors
from codeact.tasks.oracle import program_oracles
from codeact.types import JSON

DOMAINS: Mapping[str, Generate] = {
    "decoder": puzzles.decoder,
    "dna": puzzles.sequences,
    "trade": puzzles.trade,
    "travel": places.travel,
    "web": places.web,
    "mail": office.mail,
    "logs": office.logs,
    "shops": office.shops,
}
CALLS = (1, 2, 4, 8, 16)  # the points of the curve
BARE = "Work step by step with the tools. The final answer is one exact value, without any words around it."


def tasks(
    *,
    seed: int = 0,
    count: int = 40,
    calls: int | Sequence[int] = CALLS,
    domains: str | Sequence[str] = tuple(DOMAINS),
    branching: bool = False,
    size: int = 5,
    distractors: int = 0,
) -> Sequence[Task]:
    """`count` tasks: domain after domain for the first number of calls, then for the next, and round again.

    The same arguments give the same tasks. `calls` and `domains` may be one or several.

    Raises:
        UsageError: no such domain, or a number out of its range.
    """
    levels = [calls] if isinstance(calls, int) else list(calls)
    names = [domains] if isinstance(domains, str) else list(domains)
    if unknown := [name for name in names if name not in DOMAINS]:
        raise UsageError(f"m3gen has no domain {unknown[0]!r}; there are: {', '.join(DOMAINS)}")
    if not isinstance(cast("object", count), int) or count < 1 or not levels or not names:
        raise UsageError(f"m3gen needs a count of 1 or more, a number of calls and a domain, not count={count!r}")
    dials = [Dial(calls=level, branching=branching, size=size, distractors=distractors) for level in levels]
    grid = [(dial, name) for dial in dials for name in names]
    return tuple(
        make(grid[number % len(grid)][1], grid[number % len(grid)][0], seed, number) for number in range(count)
    )


def make(domain: str, dial: Dial, seed: int, number: int) -> Task:
    """One task. Its id has all that it is made from."""
    id = f"{domain}/{seed}.{number}-c{dial.calls}-b{dial.branching:d}-s{dial.size}-d{dial.distractors}"
    rng = random.Random(id)  # noqa: S311 -- not for secrets; a text seeds the same everywhere
    made = DOMAINS[domain](rng, dial)
    labels: dict[str, JSON] = {
        "calls": dial.calls,
        "branching": dial.branching,
        "size": dial.size,
        "distractors": dial.distractors,
    }
    return Task(
        id=id,
        domain=domain,
        prompt=f"{made.prompt} {BARE}",
        open=made.open(distractors(rng, dial.distractors)),
        judge=made.judge,
        oracles=program_oracles(made.program),
        rules=Rules(turns=2 * dial.calls + 4),  # twice what it takes, and some: the limit is nobody's bottleneck
        labels=labels,
    )


SUITE = Suite(
    name="m3gen",
    summary="generated tasks of eight domains, with a dial for their difficulty",
    readme=Path(__file__).with_name("README.md"),
    profiles=(Profile(name="plain", summary="as the dial says", tasks=tasks),),
)
