"""The suite: as many errands as are wanted, from a seed, kind after kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from codeact.tasks.base import Profile, Rules, Suite, Task
from codeact.tasks.errands import beads, catalogue, codes, handbook, hiring, listings, pipes, quotes, sending
from codeact.tasks.errands.errand import Generate
from codeact.tasks.errands.slips import with_slip
from codeact.tasks.oracle import Cells
from codeact.tasks.turns import kinds_in_turn

KINDS: Mapping[str, Generate] = {
    "chain": pipes.chain,
    "lookup": catalogue.lookup,
    "each": pipes.each,
    "parcels": sending.parcels,
    "hunt": catalogue.hunt,
    "theatre": listings.theatre,
    "until": pipes.until,
    "kitchen": sending.kitchen,
    "tally": catalogue.tally,
    "trains": listings.trains,
    "stations": listings.stations,
    "undo": codes.undo,
    "handbook": handbook.handbook,
    "offers": quotes.offers,
    "several": codes.several,
    "beads": beads.beads,
    "hiring": hiring.hiring,
}
BARE = (
    "Use the functions. Answer with the value alone.",
    "The final answer is the value itself, without any words around it.",
    "Work with the functions that are given; the answer is one exact value.",
    "Find it with the tools, step by step. Give nothing but the value.",
)
RULES = Rules(turns=12, attempts=2)


def tasks(*, seed: int = 0, count: int = 44, kinds: str | Sequence[str] = tuple(KINDS)) -> Sequence[Task]:
    """`count` errands, whose kinds take turns.

    Raises:
        UsageError: no such kind, or a count below 1.
    """
    names = kinds_in_turn("errands", KINDS, kinds, count)
    return tuple(_task(kind, seed, number) for number, kind in enumerate(names))


def _task(kind: str, seed: int, number: int) -> Task:
    id = f"{kind}/{seed}.{number}"
    rng = Random(id)  # noqa: S311 -- not for secrets; a text seeds the same everywhere
    made, bare = KINDS[kind](rng), rng.choice(BARE)
    return Task(
        id=id,
        domain=kind,
        prompt=f"{made.prompt} {bare}",
        open=made.open,
        judge=made.judge,
        oracles={"code": Cells(with_slip(rng, made.cells))},
        rules=RULES,
        labels={"source": "codeact/errands", "licence": "own"},
    )


SUITE = Suite(
    name="errands",
    summary="small jobs by functions that nobody has seen before: chains, records, catalogues",
    readme=Path(__file__).with_name("README.md"),
    profiles=(Profile(name="generated", summary="from a seed", tasks=tasks),),
)
