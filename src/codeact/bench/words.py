"""Numbers as the report writes them."""

from __future__ import annotations

from collections.abc import Mapping

from codeact.bench.analysis import Cell
from codeact.bench.pairs import Difference
from codeact.bench.statistics import Mean
from codeact.rollouts import Interval
from codeact.types import JSON

NONE = "–"


def per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"


def share_range(interval: Interval) -> str:
    """`64.0 to 82.6`, in per cent."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def success(cell: Cell | None) -> str:
    """`61/82 = 74.4 %`."""
    if cell is None or not cell.episodes:
        return NONE
    return f"{cell.successes}/{cell.episodes} = {per_cent(cell.share)}"


def mean(value: Mean | None, *, signed: bool = False) -> str:
    """`5.50 (5.02 to 6.01)`."""
    if value is None:
        return NONE
    sign = "+" if signed else ""
    between = f" ({value.interval.low:{sign}.2f} to {value.interval.high:{sign}.2f})" if value.interval else ""
    return f"{value.value:{sign}.2f}{between}"


def points(difference: Difference) -> str:
    """A difference of shares in percentage points: `+20.7 (+9.8 to +31.7)`."""
    value = difference.mean
    between = f" ({100 * value.interval.low:+.1f} to {100 * value.interval.high:+.1f})" if value.interval else ""
    return f"{100 * value.value:+.1f}{between}"


def probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def count(number: float) -> str:
    return f"{number:,.0f}"


def money(cost: float | None) -> str:
    return NONE if cost is None else f"{cost:.4f}" if cost < 1 else f"{cost:,.2f}"


def several(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def settings(options: Mapping[str, JSON]) -> str:
    """`, size=3, count=40`."""
    return "".join(f", {name}={value}" for name, value in options.items())
