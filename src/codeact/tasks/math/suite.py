"""The suite: problems from a seed, or MATH's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from random import Random
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.base import Environment, Profile, Rules, Suite, Task
from codeact.tasks.math import algebra, continuous, discrete
from codeact.tasks.math.comparing import Comparing, compared, need_math_verify
from codeact.tasks.math.problem import Generate, expert
from codeact.tasks.math.rows import SUBJECTS, read_rows
from codeact.types import JSON

FAMILIES: Mapping[str, Generate] = {
    made.__name__: made
    for made in (
        *(algebra.linear_system, algebra.root_sums, algebra.surd_root, algebra.coefficient, algebra.inequality),
        *(discrete.arrangements, discrete.urn, discrete.dice, discrete.divisors, discrete.remainders),
        *(discrete.power_remainder, discrete.recurrence, continuous.lattice_points, continuous.median_length),
        *(continuous.integral, continuous.greatest_value, continuous.spread),
    )
}
LEVELS = (1, 2, 3)
BARE = (
    "Where you can run Python, sympy, numpy and scipy are there. "
    "Answer with the value alone, as a number, in LaTeX or in Python's notation, without words or units."
)
RULES = Rules(turns=5, attempts=2, try_again="Your answer is wrong.")  # the paper's


def generated(
    *,
    seed: int = 0,
    count: int = 51,
    levels: int | Sequence[int] = LEVELS,
    families: str | Sequence[str] = tuple(FAMILIES),
) -> Sequence[Task]:
    """`count` problems: family after family on the first level, then on the next, and round again.

    Raises:
        UsageError: no such family or level, or a count below 1.
        MissingExtraError: math-verify is not installed.
    """
    need_math_verify()
    steps = [levels] if isinstance(levels, int) else list(levels)
    names = [families] if isinstance(families, str) else list(families)
    if unknown := [name for name in names if name not in FAMILIES]:
        raise UsageError(f"math has no family {unknown[0]!r}; there are: {', '.join(FAMILIES)}")
    if wrong := [level for level in steps if level not in LEVELS]:
        raise UsageError(f"math has the levels 1, 2 and 3, not {wrong[0]!r}")
    if not isinstance(cast("object", count), int) or count < 1 or not steps or not names:
        raise UsageError(f"math needs a count of 1 or more, a level and a family, not count={count!r}")
    grid = [(name, level) for level in steps for name in names]
    return tuple(_generated(*grid[number % len(grid)], seed, number) for number in range(count))


def published(*, data: JSON = None, min_level: int = 3, subjects: str | Sequence[str] = SUBJECTS) -> Sequence[Task]:
    """The problems of MATH in `data` that have an answer, from a level on; those without one have `min_level=0`.

    Raises:
        UsageError: a file that is missing or is none of MATH's, or no such subject or level.
        MissingExtraError: math-verify is not installed.
    """
    need_math_verify()
    wanted = [subjects] if isinstance(subjects, str) else list(subjects)
    if unknown := [subject for subject in wanted if subject not in SUBJECTS]:
        raise UsageError(f"MATH has no subject {unknown[0]!r}; there are: {', '.join(SUBJECTS)}")
    if not isinstance(cast("object", min_level), int) or not 0 <= min_level <= 5:
        raise UsageError(f"min_level={min_level!r} must be 0 to 5; the paper's is 3")
    return tuple(
        Task(
            id=f"math/{subject}/{number}",
            domain="math",
            prompt=f"{row.question}\n\n{BARE}",
            open=opening(row.answer),
            judge=compared,
            rules=RULES,
            labels={"source": "MATH", "licence": "MIT", "subject": subject, "level": row.difficulty},
        )
        for subject in SUBJECTS
        if subject in wanted
        for number, row in read_rows(data, subject)
        if row.answer.strip() and row.difficulty >= min_level
    )


def opening(reference: str) -> Callable[[str], AbstractAsyncContextManager[Environment]]:
    """What opens the world of a problem with this answer."""

    @asynccontextmanager
    async def open_world(actions: str) -> AsyncGenerator[Environment]:
        yield Comparing(reference)

    return open_world


def _generated(family: str, level: int, seed: int, number: int) -> Task:
    id = f"{family}/{seed}.{number}-l{level}"
    rng = Random(id)  # noqa: S311 -- not for secrets; a text seeds the same everywhere
    problem = FAMILIES[family](rng, level)
    assert problem.holds, f"{id}: {problem.value} by one way, {problem.again} by another"
    return Task(
        id=id,
        domain="math",
        prompt=f"{problem.text}\n\n{BARE}",
        open=opening(problem.answer),
        judge=compared,
        oracles={"code": expert(rng, problem)},
        rules=RULES,
        labels={"source": "generated", "licence": "own", "subject": family, "level": level},
    )


SUITE = Suite(
    name="math",
    summary="problems to be computed and checked in Python: from a seed, or MATH's",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="generated", summary="17 families, from a seed", tasks=generated),
        Profile(name="math", summary="the publisher's problems, from level 3 on", tasks=published),
    ),
)
