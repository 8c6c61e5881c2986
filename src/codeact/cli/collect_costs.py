"""What collecting has cost, for a person and for a program."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codeact.cli import consoles, describe
from codeact.cli.bench_screen import WIDE
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.instruct.costs import Cost, Costs


def print_costs(costs: Sequence[Costs], *, json: bool) -> None:
    """A table of all jobs, and what their repairs cost beside new episodes; or a line for each job."""
    if json:
        for found in costs:
            write_line(sys.stdout, {"kind": "cost", **as_json(found)})
    elif costs:
        console = consoles.output()
        if not console.is_terminal:
            console.width = WIDE
        _print(console, costs)


def as_json(found: Costs) -> dict[str, object]:
    """Amounts in all, and for each episode, success and kept trajectory."""
    names = {"env": found.env, "profile": found.profile, "model": found.model}
    parts = {"episodes": found.episodes, "repairs": found.repairs, "lost": found.lost, "all": found.all}
    compared = found.comparison
    return {
        **names,
        **{name: part and _amounts(part) for name, part in parts.items()},
        "states": found.states,
        "comparison": compared and {"repairs": _amounts(compared.repairs), "anew": _amounts(compared.anew)},
    }


def _amounts(cost: Cost) -> dict[str, object]:
    shares = {"episode": cost.episodes, "success": cost.successes, "kept": cost.kept}
    return {**asdict(cost), "per": {name: cost.shared(by) or None for name, by in shares.items()}}


def _print(console: Console, costs: Sequence[Costs]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    names = ("environment", "model", "of", "episodes", "solved", "kept")
    per_kept = ("read", "cached", "written", "time", "USD")
    for heading in (*names, "tokens/episode", "tokens/success", *(f"{name}/kept" for name in per_kept)):
        left = heading in ("environment", "model", "of")
        table.add_column(heading, no_wrap=heading != "model", justify="left" if left else "right")
    for found in costs:
        name = Text(harmless(f"{found.env} {found.profile}")), Text(harmless(found.model))
        for what, cost in _parts(found):
            table.add_row(*name, what, *_cells(cost))
    console.print(table)
    for found in costs:
        for line in _comparison(found):
            console.print(Text(harmless(line)))


def _parts(found: Costs) -> Iterator[tuple[str, Cost]]:
    yield "episodes", found.episodes
    if found.repairs is not None:
        yield "repairs", found.repairs
    if found.lost is not None:
        yield "broken tries", found.lost
    if found.repairs is not None or found.lost is not None:
        yield "all", found.all


def _cells(cost: Cost) -> Iterator[str]:
    for count in (cost.episodes, cost.successes, cost.kept):
        yield f"{count:,.0f}"
    for count in (cost.episodes, cost.successes):
        yield f"{cost.tokens / count:,.0f}" if count else "–"
    each = cost.shared(by=cost.kept)
    for name in ("input_tokens", "cached_tokens", "output_tokens"):
        yield f"{each[name]:,.0f}" if each else "–"
    yield describe.seconds(each["seconds"] or 0.0) if each else "–"
    money = each.get("cost")
    yield "–" if money is None else f"{money:.4f}"


def _comparison(found: Costs) -> Iterator[str]:
    if found.repairs is None:
        return
    ways = ", ".join(f"{count:,} {state}" for state, count in (found.states or {}).items())
    yield f"{found.env}, {found.model}: {found.repairs.episodes:,.0f} failed episodes repaired ({ways})"
    if found.comparison is None:
        yield "  no comparison with whole new episodes: that needs --samples 2 or more of the same tasks"
        return
    both = {"repaired": found.comparison.repairs, "sampled anew": found.comparison.anew}
    yield f"  the same {found.comparison.repairs.episodes:,.0f} failed episodes, repaired and sampled anew:"
    for name, cost in both.items():
        yield f"  {name:>12}: {cost.successes:,.1f} successes, {cost.kept:,.1f} kept; {_prices(cost)}"


def _prices(cost: Cost) -> str:
    parts = [f"{cost.tokens:,.0f} tokens, {describe.seconds(cost.seconds)} in all"]
    for name, count in (("success", cost.successes), ("kept one", cost.kept)):
        if count:
            parts.append(f"{cost.tokens / count:,.0f} tokens, {describe.seconds(cost.seconds / count)} a {name}")
    return "; ".join(parts)
