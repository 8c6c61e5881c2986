"""The suite: a generated encyclopedia and its questions, or HotpotQA's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.base import Environment, Profile, Rules, Suite, Task, Workbench
from codeact.tasks.oracle import Later, Oracle
from codeact.tasks.search.expert import experts
from codeact.tasks.search.hotpot import read_hotpotqa
from codeact.tasks.search.hotpot_expert import expert_of
from codeact.tasks.search.index import Index, index
from codeact.tasks.search.judge import Mentions
from codeact.tasks.search.questions import Kind, Question, ask
from codeact.tasks.search.world import make_world
from codeact.types import JSON

HOPS = (1, 2, 3)
FEWEST: Mapping[Kind, int] = {"bridge": 1, "comparison": 2}  # hops
KINDS: tuple[Kind, ...] = tuple(FEWEST)
SIZES = range(8, 101)  # of a world
TRIES = 1000  # at a question that has not been asked
BARE = "Search until you have seen it written. Answer with the name, date or number alone, without any words around it."
RULES = Rules(turns=5, attempts=2, try_again="Your answer is wrong.")  # the paper's

Open = Callable[[str], AbstractAsyncContextManager[Environment]]


def generated(
    *,
    seed: int = 0,
    count: int = 40,
    hops: int | Sequence[int] = HOPS,
    kinds: str | Sequence[str] = KINDS,
    size: int = 40,
) -> Sequence[Task]:
    """`count` questions about the world of `seed`, which has `size` things of each of four kinds.

    Numbers of `hops` and `kinds` take turns; a comparison has two hops at least.

    Raises:
        UsageError: a number out of its range, or no such kind.
    """
    grid = _grid(hops, kinds)
    if not isinstance(cast("object", count), int) or count < 1 or size not in SIZES:
        raise UsageError(f"search needs a count of 1 or more and a size of 8 to 100, not {count=}, {size=}")
    world = make_world(seed, size)
    open_world = opening(index(world.pages))
    asked: dict[str, Task] = {}
    for number in range(count):
        kind, level = grid[number % len(grid)]
        id = f"{kind}/{seed}.{number}-h{level}-s{size}"
        rng = Random(id)  # noqa: S311 -- not for secrets; a text seeds the same everywhere
        question = _unasked(asked, lambda rng=rng, kind=kind, level=level: ask(rng, world, kind, level))
        asked[question.text] = _task(rng, id, question, open_world)
    return tuple(asked.values())


def hotpotqa(
    *,
    data: JSON = None,
    corpus: JSON = None,
    levels: str | Sequence[str] = ("easy", "medium", "hard"),
    count: int | None = None,
    seed: int = 42,
) -> Sequence[Task]:
    """The questions of HotpotQA in `data`; with a `count`, so many of them, drawn by `seed`.

    What is searched are the paragraphs of these questions, those of `paragraphs*.json` beside them, and `corpus`.

    Raises:
        UsageError: a file that is missing or is none of the publisher's, or no such level.
    """
    wanted = [levels] if isinstance(levels, str) else list(levels)
    questions, pages = read_hotpotqa(data, corpus, wanted, count, seed)
    searched = index(pages)
    open_world = opening(searched)

    @cache
    def found() -> Mapping[str, Mapping[str, Oracle]]:
        with searched.open() as encyclopedia:  # to see what an expert would find
            return {row.id: expert_of(row, encyclopedia) for row in questions}

    return tuple(
        Task(
            id=f"hotpotqa/{row.id}",
            domain="search",
            prompt=f"{row.question}\n\n{BARE}",
            open=open_world,
            judge=Mentions(row.answer, row.alternatives),
            oracles=Later(lambda id=row.id: found()[id]),
            rules=RULES,
            labels={
                "source": "HotpotQA",
                "licence": "CC-BY-SA-4.0",
                "kind": row.type,
                "level": row.level,
                "hops": 2,
            },
        )
        for row in questions
    )


def opening(searched: Index) -> Open:
    """What opens an episode: the tool over a copy of the index."""

    @asynccontextmanager
    async def open_world(actions: str) -> AsyncGenerator[Environment]:
        with searched.open() as encyclopedia:
            yield Workbench([encyclopedia.tool()])

    return open_world


def _unasked(asked: Container[str], propose: Callable[[], Question]) -> Question:
    for _ in range(TRIES):
        question = propose()
        if question.text not in asked:
            return question
    raise UsageError("the world has too few questions of these kinds; remedy: a smaller count, or a larger size")


def _task(rng: Random, id: str, question: Question, open_world: Open) -> Task:
    return Task(
        id=id,
        domain="search",
        prompt=f"{question.text}\n\nThe encyclopedia that wikipedia_search looks into knows it. {BARE}",
        open=open_world,
        judge=Mentions(question.answer, question.others),
        oracles=experts(rng, question),
        rules=RULES,
        labels={"source": "generated", "licence": "own", "kind": question.kind, "hops": question.hops},
    )


def _grid(hops: int | Sequence[int], kinds: str | Sequence[str]) -> list[tuple[Kind, int]]:
    levels = [hops] if isinstance(hops, int) else list(hops)
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    if wrong := [level for level in levels if level not in HOPS]:
        raise UsageError(f"a question of search has 1, 2 or 3 hops, not {wrong[0]!r}")
    if unknown := [name for name in names if name not in KINDS]:
        raise UsageError(f"search has no kind {unknown[0]!r}; there are: {', '.join(KINDS)}")
    chosen: list[Kind] = [kind for kind in KINDS if kind in names]
    grid: list[tuple[Kind, int]] = [(kind, level) for level in levels for kind in chosen if level >= FEWEST[kind]]
    if not grid:
        raise UsageError(f"there is no question of kind {kinds!r} with {hops!r} hops; a comparison has 2 or 3")
    return grid


SUITE = Suite(
    name="search",
    summary="questions that take one to three pages of an encyclopedia, generated or HotpotQA's",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="generated", summary="a world that does not exist, from a seed", tasks=generated),
        Profile(name="hotpotqa", summary="the publisher's questions and paragraphs", tasks=hotpotqa),
    ),
)
