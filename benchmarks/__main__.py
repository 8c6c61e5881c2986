"""The command; see `benchmarks`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio

from . import actions, branches, crowd, report, spares
from .actions import Rounds
from .kernel import Kernel
from .measure import Figure
from .ours import Ours, OursCold
from .piped import Bare, Bubblewrapped
from .subjects import SkippedError, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything."""

    rounds: Rounds
    slow: Rounds | None  # for subjects that take a second to start; None leaves them out
    forks: int
    sizes: Sequence[int]  # MB of data in sessions that are forked
    crowds: Sequence[int]


ONCE = Rounds(sessions=1, actions=1, outputs=1, calls=1, megabyte=1, large=0, interrupts=1)
QUICK = Plan(
    rounds=Rounds(sessions=5, actions=50, outputs=10, calls=2, megabyte=5, large=1, interrupts=3),
    slow=Rounds(sessions=1, actions=50, outputs=10, calls=2, megabyte=5, large=1, interrupts=3),
    forks=5,
    sizes=(0, 100),
    crowds=(50,),
)
TINY = Plan(rounds=ONCE, slow=None, forks=1, sizes=(0,), crowds=(3,))
WHOLE = Plan(rounds=Rounds(sessions=30), slow=Rounds(sessions=3), forks=20, sizes=(0, 100, 1_000), crowds=(200, 1_000))
PLANS = {"tiny": TINY, "quick": QUICK, "whole": WHOLE}

Part = tuple[str, Callable[[], Awaitable[Sequence[Figure]]]]


def parts(plan: Plan) -> list[Part]:
    subjects: list[tuple[Subject, Rounds]] = [(Ours(), plan.rounds), (Bare(), plan.rounds)]
    if plan.slow:
        subjects[1:1] = [(Kernel(), plan.slow), (Bubblewrapped(), plan.slow)]
    found: list[Part] = [(s.name, lambda s=s, r=r: actions.measure(s, r)) for s, r in subjects]
    if plan.slow:
        found.append((OursCold.name, _cold))
    found.append((spares.SPARE, lambda: spares.measure(plan.rounds.sessions)))
    found.append((branches.FORK, lambda: branches.measure(plan.forks, plan.sizes)))
    return found + [(f"{n:,} sessions", lambda n=n: crowd.measure(n, plan.rounds.actions)) for n in plan.crowds]


async def _cold() -> Sequence[Figure]:
    return (await actions.measure(OursCold(), ONCE))[:2]


async def main(plan: Plan, command: str) -> report.Results:
    figures, skipped = list[Figure](), dict[str, str]()
    for name, measure in parts(plan):
        sys.stderr.write(f"{name} …\n")
        try:
            figures += await measure()
        except SkippedError as reason:
            skipped[name] = str(reason)
    date = datetime.now(UTC).date().isoformat()
    return report.Results(command=command, date=date, figures=figures, skipped=skipped)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast is the sandbox?")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="plan", action="store_const", const="quick", help="in less than a minute")
    size.add_argument("--plan", choices=PLANS, default="whole")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write a page for the docs, with a plot beside it")
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    results = anyio.run(main, PLANS[given.plan], f"python -m benchmarks {' '.join(sys.argv[1:])}".strip())
    if given.json:
        given.json.write_text(report.to_json(results))
    if given.write:
        plot = given.write.with_suffix(".svg")
        given.write.write_text(report.page(results, plot.name))
        report.draw(results, plot)
    sys.stdout.write(f"{results.machine()}\n\n{report.to_markdown(results)}")
