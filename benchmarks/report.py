"""The figures as a table with ratios, as JSON, and as a picture."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Picture

from . import actions, branches, spares
from .measure import Figure
from .ours import Ours, OursCold

TARGETS = {  # on a machine like the one of the docs; the largest value that is good enough, in the figure's own unit
    actions.READY: 10.0,
    spares.SPARE: 2.0,
    actions.LATER: 0.4,
    actions.TOOL_CALL: 0.06,
    f"{branches.FORK}, no data": 6.0,
    actions.INTERRUPT: 50.0,
    "1,000 idle sessions: memory of the machine that is gone": 5_000.0,
    "200 idle sessions: slowest action against that of a session alone": 2.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    command: str
    date: str
    figures: Sequence[Figure]
    skipped: Mapping[str, str] = field(default_factory=dict[str, str])  # what, and why

    def machine(self) -> str:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return (
            f"{os.cpu_count()} processors ({platform.machine()}), {memory:.0f} GiB, "
            f"Linux {platform.release()}, Python {platform.python_version()}"
        )


def to_json(results: Results) -> str:
    whole = {**asdict(results), "machine": results.machine(), "targets": TARGETS}
    return json.dumps(whole, indent=1) + "\n"


def to_markdown(results: Results) -> str:
    """Two tables: side by side with others, and what only we can do."""
    subjects = [name for name in dict.fromkeys(figure.subject for figure in results.figures) if name != OursCold.name]
    by = {(figure.subject, figure.what): figure for figure in results.figures}
    names = list(dict.fromkeys(figure.what for figure in results.figures))
    shared = [what for what in names if sum((subject, what) in by for subject in subjects) > 1]
    lines = [_row(["", *subjects, "target"]), _row(["---"] * (len(subjects) + 2))]
    for what in shared:
        ours = by.get((Ours.name, what))
        cells = [_cell(by.get((subject, what)), None if subject == Ours.name else ours) for subject in subjects]
        lines.append(_row([what, *cells, _target(what)]))
    lines += ["", _row(["", Ours.name, "target"]), _row(["---"] * 3)]
    lines += [
        _row([_cold(figure), _value(figure), _target(figure.what)])
        for figure in results.figures
        if figure.subject == OursCold.name or (figure.subject == Ours.name and figure.what not in shared)
    ]
    lines += ["", *(f"Not measured: {what}: {why}." for what, why in results.skipped.items())]
    return "\n".join(lines).rstrip("\n") + "\n"


def _cold(figure: Figure) -> str:
    return f"{figure.what} (first on a cold host)" if figure.subject == OursCold.name else figure.what


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(figure: Figure | None, ours: Figure | None) -> str:
    if figure is None:
        return "–"
    ratio = f" ({figure.median / ours.median:.3g}×)" if ours is not None and ours.median else ""
    return _value(figure) + ratio


def _value(figure: Figure) -> str:
    return _amount(figure.median, figure.unit)


def _target(what: str) -> str:
    if what not in TARGETS:
        return ""
    unit = "MB" if "memory" in what else "times" if "against" in what else "ms"
    return f"≤ {_amount(TARGETS[what], unit)}"


def _amount(value: float, unit: str) -> str:
    if unit == "ms" and value < 0.1:
        return f"{value * 1000:.3g} µs"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def draw(results: Results, path: Path) -> None:
    """What all subjects did, on a logarithmic scale. SVG, or by the suffix."""
    names = list(dict.fromkeys(figure.what for figure in results.figures))
    subjects = [name for name in dict.fromkeys(figure.subject for figure in results.figures) if name != OursCold.name]
    by = {(figure.subject, figure.what): figure.median for figure in results.figures}
    shared = [what for what in names if sum((subject, what) in by for subject in subjects) > 1][::-1]
    height = 0.8 / len(subjects)
    picture = Picture(figsize=(8, 0.55 * len(shared) + 1.2), layout="constrained")
    axes = picture.subplots()
    for place, subject in enumerate(subjects):
        known = [(row, by[subject, what]) for row, what in enumerate(shared) if (subject, what) in by]
        rows = [row + 0.4 - (place + 0.5) * height for row, _ in known]
        axes.barh(rows, [value for _, value in known], height=height, label=subject)
    axes.set_yticks(range(len(shared)), shared)
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds, median; shorter is better")
    axes.grid(axis="x", alpha=0.3)
    picture.legend(loc="outside upper center", ncols=2, frameon=False)
    with mpl.rc_context({"svg.hashsalt": "codeact"}):
        picture.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


PAGE = """# Benchmarks

How fast the `local` sandbox is, side by side with what else runs an agent's Python on the same machine, in one run.
Times are medians; in brackets, how many times ours. Targets are those that this project has set itself.

Made by `{command}` on {date}: {machine}. Run `make bench` for yours.

![Times of the subjects on a logarithmic scale]({plot})

{table}
## What is compared

- **codeact local**: a session of `LocalSandbox`, in all its layers of isolation, from a server that is warm. The times
  of a first session on a host, which imports what the others share, are in the second table.
- **jupyter_client + ipykernel**: a kernel process on this machine, as notebooks use it. No isolation. Its only way to
  ask the host something while code runs is `input`, so that is its tool call; arguments cross as base64 text.
- **bubblewrap + python**: a process of its own per session, in namespaces; a loop of `exec`, with JSON over pipes. No
  IPython, no limits, no time-outs, no streamed output.
- **bare exec**: in the host's own process; the least that running code can cost, with no isolation and nothing else.

A *spare* is a session that the server has made ready while whoever had opened the one before was thinking. "Idle"
sessions have been opened and have run nothing. The memory of all is the sum of proportional shares (PSS) of their
processes; the memory of the machine that is gone is the difference of `MemAvailable`, page tables and the kernel's own
included.

## What the misses are made of

Where a target is missed: what the kernel and the interpreter take, each measured alone on the virtual machine of the
project's own figures (2 processors, Python 3.11), as the least of many runs. It puts a processor to sleep as soon as
it has nothing to do.

- **A tool call.** The host's part was 0.07 ms of 0.28 and the worker's 0.03. By this difference two processors that
  wake up in turn take some 0.1 ms each. Where there is more than one, worker and host now stay awake for at most 0.1
  ms, for the answer and for the call after it, and their parts are 0.04 and 0.02 ms. With one processor, or a tool
  that takes longer, the waking up is paid.
- **An action** has the same two, for which nobody stays awake: other tasks of the host would wait for as long as the
  code runs. With IPython's own 0.1 ms, 0.1 of the 0.4 are left for everything else.
- **A session and a fork.** To copy the prepared server takes 0.6 ms, and the copy's first write to a page 2.2 µs. A
  session's first process writes to 780 pages until it is ready and its worker to 980, nearly all to count references:
  4 ms that no system call saves. To ask for the pages in advance (`MADV_POPULATE_WRITE`) takes 3.3 µs each; to gather
  what is shared in huge pages (`MADV_COLLAPSE`) saves a copy 6 % of its processor time, and the server starts later
  for it.
- **An idle session** is those pages, 7 MB, and 0.8 MB of page tables. Where every use of an object writes to it, 5 MB
  are not to be had with two interpreters a session.
"""


def page(results: Results, plot: str) -> str:
    """`plot`: the name of the picture, which lies beside the page."""
    return PAGE.format(
        command=results.command, date=results.date, machine=results.machine(), table=to_markdown(results), plot=plot
    )
