"""The suite: 30 experiments, some test variations of each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from codeact.errors import UsageError
from codeact.tasks.base import Profile, Rules, Suite, Task
from codeact.tasks.scienceworld.world import STEPS, open_laboratory, scored

# The test variations of each, as the simulator of version 1.2.3 says; here, so that listing tasks starts no Java.
EXPERIMENTS = {
    "boil": range(21, 30),
    "change-the-state-of-matter-of": range(21, 30),
    "chemistry-mix": range(24, 32),
    "chemistry-mix-paint-secondary-color": range(27, 36),
    "chemistry-mix-paint-tertiary-color": range(27, 36),
    "find-animal": range(225, 300),
    "find-living-thing": range(225, 300),
    "find-non-living-thing": range(225, 300),
    "find-plant": range(225, 300),
    "freeze": range(21, 30),
    "grow-fruit": range(93, 126),
    "grow-plant": range(93, 126),
    "identify-life-stages-1": range(9, 14),
    "identify-life-stages-2": range(6, 10),
    "inclined-plane-determine-angle": range(126, 168),
    "inclined-plane-friction-named-surfaces": range(1038, 1386),
    "inclined-plane-friction-unnamed-surfaces": range(120, 162),
    "lifespan-longest-lived": range(93, 125),
    "lifespan-longest-lived-then-shortest-lived": range(93, 125),
    "lifespan-shortest-lived": range(93, 125),
    "measure-melting-point-known-substance": range(327, 436),
    "measure-melting-point-unknown-substance": range(225, 300),
    "melt": range(21, 30),
    "mendelian-genetics-known-plant": range(90, 120),
    "mendelian-genetics-unknown-plant": range(360, 480),
    "power-component": range(15, 20),
    "power-component-renewable-vs-nonrenewable-energy": range(15, 20),
    "test-conductivity": range(675, 900),
    "test-conductivity-of-unknown-substances": range(450, 600),
    "use-thermometer": range(405, 540),
}

PROMPT = f"""\
You are in a simulated house with a laboratory, where you do an experiment by taking steps, at most {STEPS}. A step is a
short command to the world. OBJ is the name of a thing or a place:
look around, look at OBJ, look in OBJ, inventory, open OBJ, close OBJ, go OBJ, teleport OBJ, pick up OBJ, put down OBJ,
move OBJ to OBJ, pour OBJ in OBJ, dunk OBJ in OBJ, mix OBJ, activate OBJ, deactivate OBJ, use OBJ on OBJ,
connect OBJ to OBJ, disconnect OBJ, read OBJ, eat OBJ, flush OBJ, wait, wait1, focus on OBJ.
`focus on` says which thing the task is about; on a wrong one, the experiment is lost. Where a command fits several
things, the world lists them with numbers; the next step is then the number of the one you mean.
When the task is done, say so."""

RULES = Rules(turns=STEPS, action_time=120.0)  # where each step is a turn, the simulator's limit is the one that counts


def tasks(
    *, experiments: str | Sequence[str] = tuple(EXPERIMENTS), variations: int = 10, seed: int = 1
) -> Sequence[Task]:
    """Up to so many test variations of each experiment, chosen by the seed.

    Raises:
        UsageError: no such experiment, or less than one variation.
    """
    names = [experiments] if isinstance(experiments, str) else list(experiments)
    if unknown := [name for name in names if name not in EXPERIMENTS]:
        raise UsageError(f"scienceworld has no experiment {unknown[0]!r}; there are: {', '.join(EXPERIMENTS)}")
    if variations < 1:
        raise UsageError(f"scienceworld needs 1 or more variations of each experiment, not {variations!r}")
    return [_task(name, number) for name in names for number in _chosen(name, variations, seed)]


def _chosen(name: str, count: int, seed: int) -> list[int]:
    known = EXPERIMENTS[name]
    rng = random.Random(f"{name}/{seed}")  # noqa: S311 -- not for secrets; a text seeds the same everywhere
    return sorted(rng.sample(known, min(count, len(known))))


def _task(name: str, variation: int) -> Task:
    return Task(
        id=f"{name}/{variation}",
        domain=name,
        prompt=PROMPT,
        open=partial(open_laboratory, name, variation),
        judge=scored,
        rules=RULES,
    )


SUITE = Suite(
    name="scienceworld",
    summary="30 school experiments in a simulated house (extra 'scienceworld', and Java)",
    readme=Path(__file__).with_name("README.md"),
    profiles=(Profile(name="easy", summary="the paper's simplification, its limit of steps", tasks=tasks),),
)
