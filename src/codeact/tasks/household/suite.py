"""The suite: households of our own, or the games of ALFWorld."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.answers import reached
from codeact.tasks.base import Environment, Profile, Rules, Suite, Task
from codeact.tasks.household.expert import experts
from codeact.tasks.household.games import PUBLISHER, GameFile, read_games
from codeact.tasks.household.goal import FAMILIES, Family
from codeact.tasks.household.home import Home, Plan
from codeact.tasks.household.houses import make_house
from codeact.tasks.household.process import open_game
from codeact.tasks.household.world import Robot
from codeact.types import JSON

TURNS = 5  # the paper's
PLACES = range(12, 41)
GAMES = ("training", "evaluation", "all")
PROMPT = """\
You are a robot in a household, and act by functions. You see only what is at the receptacle you go to; what is in a
closed one shows when you open it. You can hold one thing at a time. A name ends in a number, as in `goto("desk 1")`.
What is not possible here and now says "Nothing happens." To look at a thing under a lamp, hold it and use the lamp
where the lamp is. When the task is done, say so: the house knows whether it is."""


def generated(
    *,
    seed: int = 0,
    count: int = 30,
    families: str | Sequence[str] = FAMILIES,
    places: int = 20,
    turns: int = TURNS,
) -> Sequence[Task]:
    """`count` households with about so many receptacles (as many as their room may have); families take turns.

    Raises:
        UsageError: a number out of its range, or no such family.
    """
    wanted = _families(families)
    if not isinstance(cast("object", count), int) or count < 1 or places not in PLACES:
        raise UsageError(
            f"household needs a count of 1 or more and {PLACES[0]} to {PLACES[-1]} places, not {count=}, {places=}"
        )
    rules = _rules(turns)
    return [_generated(f"{wanted[n % len(wanted)]}/{seed}.{n}-p{places}", places, rules) for n in range(count)]


def _generated(id: str, places: int, rules: Rules) -> Task:
    rng = Random(id)  # noqa: S311 -- not for secrets; a text seeds the same everywhere
    family = cast("Family", id.partition("/")[0])
    plan = make_house(rng, family, places)
    return Task(
        id=id,
        domain=family,
        prompt=PROMPT,
        open=partial(_open_home, plan),
        judge=reached,
        oracles=experts(rng, plan.goal),
        rules=rules,
        labels={"source": "generated", "licence": "own", "family": family, "places": len(plan.places)},
    )


@asynccontextmanager
async def _open_home(plan: Plan, actions: str) -> AsyncGenerator[Environment]:
    yield Robot(Home(plan))


def alfworld(
    *,
    data: JSON = None,
    games: str = "training",
    families: str | Sequence[str] = FAMILIES,
    unsolved: bool = False,
    count: int | None = None,
    seed: int = 0,
    turns: int = TURNS,
) -> Sequence[Task]:
    """ALFWorld's games in `data`; with a `count`, so many of them, drawn by `seed`.

    `games` is which: those of MINT's evaluation set are left out of `training`. `unsolved` takes also the games that
    their publisher leaves out, because its expert has not won them; many of these the engine cannot load.

    Raises:
        UsageError: files that are missing or none of the publisher's, no such family, or no game is left.
    """
    if games not in GAMES:
        raise UsageError(f"alfworld has no games {games!r}; there are: {', '.join(GAMES)}")
    if count is not None and (not isinstance(cast("object", count), int) or count < 1):
        raise UsageError(f"household needs a count of 1 or more, not {count!r}")
    wanted, rules = _families(families), _rules(turns)
    found = read_games(data)
    left_out = {game.id: _left_out(game, games, wanted, unsolved) for game in found}
    chosen = [game for game in found if not left_out[game.id]]
    if not chosen:
        reasons = Counter(reason for reason in left_out.values() if reason)
        told = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        raise UsageError(f"none of the {len(found)} games in {data} is left: {told}; more are at {PUBLISHER}")
    if count is not None and count < len(chosen):
        chosen = sorted(Random(seed).sample(chosen, count), key=lambda game: game.id)  # noqa: S311 -- not for secrets
    return [_alfworld(game, rules) for game in chosen]


def _left_out(game: GameFile, games: str, families: Sequence[str], unsolved: bool) -> str:
    """Why a game is not taken; empty if it is."""
    if game.goal is None:
        return "need what none of the functions does"
    if game.goal.family not in families:
        return "are of other families"
    if games == "training" and game.held_out:
        return "belong to MINT's evaluation set (games='evaluation')"
    if games == "evaluation" and not game.held_out:
        return "do not belong to MINT's evaluation set (games='training')"
    return "" if game.solvable or unsolved else "were not won by their publisher's expert (unsolved=true)"


def _alfworld(game: GameFile, rules: Rules) -> Task:
    assert game.goal is not None
    goal = game.goal
    return Task(
        id=game.id,
        domain=goal.family,
        prompt=PROMPT,
        open=partial(open_game, game.read),
        judge=reached,
        oracles=experts(Random(game.id), goal),  # noqa: S311 -- not for secrets
        rules=rules,
        labels={
            "source": "alfworld",
            "licence": "MIT",
            "family": goal.family,
            "evaluation": game.held_out,
            "solvable": game.solvable,
        },
    )


def _rules(turns: int) -> Rules:
    if not isinstance(cast("object", turns), int) or turns < 1:
        raise UsageError(f"household needs 1 or more turns, not {turns!r}")
    return Rules(turns=turns, attempts=2, try_again="The task is not done yet.", action_time=120.0)


def _families(given: str | Sequence[str]) -> list[Family]:
    names = [given] if isinstance(given, str) else list(given)
    if unknown := [name for name in names if name not in FAMILIES]:
        raise UsageError(f"household has no family {unknown[0]!r}; there are: {', '.join(FAMILIES)}")
    if not names:
        raise UsageError(f"household needs a family; there are: {', '.join(FAMILIES)}")
    return [family for family in FAMILIES if family in names]


SUITE = Suite(
    name="household",
    summary="a robot in a household: generated rooms, or ALFWorld's games (extra 'household')",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="generated", summary="rooms of our own, from a seed", tasks=generated),
        Profile(name="alfworld", summary="the publisher's games in their engine", tasks=alfworld),
    ),
)
