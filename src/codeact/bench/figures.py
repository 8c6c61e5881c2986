"""The figures, drawn without any window.

The first is the paper's: success by model and format beside mean turns, here with their intervals.
"""

# matplotlib's annotations leave its `**kwargs` open
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from codeact.bench.analysis import Analysis, Cell
from codeact.bench.blocks import cut, legible
from codeact.rollouts import Interval
from codeact.rollouts.taxonomy import FAILURES

FONT = "DejaVu Sans"  # comes with matplotlib, so that a figure looks the same everywhere
INK, PAPER = "#1f2328", "#ffffff"
DARK = {INK: "#e6edf3", PAPER: "#0d1117"}
COLOURS = {"code": "#2f6fde", "json": "#e07b28", "text": "#7a8594"}
MARKERS = {"code": "o", "json": "s", "text": "^"}
KINDS = ("#9467bd", "#c2559d", "#e377c2", "#d62728", "#8c564b", "#bcbd22", "#4c9f70")  # of FAILURES
_SETTINGS: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "legend.facecolor": PAPER,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "codeact",  # the same results give the same file
}
_LONGEST = 36  # characters of a model's name


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure, as files of its two kinds."""

    svg: str
    png: bytes

    @property
    def dark(self) -> str:
        """The SVG for a dark page."""
        text = self.svg
        for light, dark in DARK.items():
            text = text.replace(light, dark)
        return text


def overview(analyses: Sequence[Analysis]) -> Drawing:
    """Success and mean turns by model and format."""
    return _drawn(lambda figure: _overview(figure, analyses), width=11, height=4)


def by_calls(analyses: Sequence[Analysis]) -> Drawing:
    """Success and mean turns as the number of calls needed grows; a row for each model."""
    return _drawn(lambda figure: _by_calls(figure, analyses), width=11, height=3.6 * len(analyses))


def failures(analyses: Sequence[Analysis]) -> Drawing:
    """What the episodes ended by, of each model and format."""
    rows = sum(len(analysis.formats) for analysis in analyses)
    return _drawn(lambda figure: _failures(figure, analyses), width=11, height=1.6 + 0.32 * rows)


def _overview(figure: Figure, analyses: Sequence[Analysis]) -> None:
    left, right = figure.subplots(1, 2)
    _bars(left, analyses, _success)
    left.set_ylabel("success, %")
    left.set_ylim(0, 100)
    _bars(right, analyses, _turns)
    right.set_ylabel("mean turns")
    right.set_ylim(bottom=0)
    _legend(figure, left)


def _bars(axes: Axes, analyses: Sequence[Analysis], value: Callable[[Cell], tuple[float, Interval | None]]) -> None:
    """A group of bars for each model, a bar for each format."""
    formats = _formats(analyses)
    width = 0.8 / max(len(formats), 1)
    for place, actions in enumerate(formats):
        for group, analysis in enumerate(analyses):
            cell = analysis.formats.get(actions)
            if cell is None or not cell.episodes:
                continue
            height, interval = value(cell)
            x = group + (place - (len(formats) - 1) / 2) * width
            axes.bar(x, height, width * 0.92, color=COLOURS[actions], label=actions)
            axes.errorbar(x, height, yerr=_whiskers(height, interval), color=INK, capsize=2, linewidth=1)
    names = [shown(analysis.entrant.model) for analysis in analyses]
    slanted = 20 if len(names) > 3 else 0
    axes.set_xticks(range(len(names)), names, parse_math=False, rotation=slanted, ha="right" if slanted else "center")


def _by_calls(figure: Figure, analyses: Sequence[Analysis]) -> None:
    grid = figure.subplots(len(analyses), 2, squeeze=False)
    for (left, right), analysis in zip(grid, analyses, strict=True):
        left.set_title(shown(analysis.entrant.model), loc="left", fontsize=10, parse_math=False)
        for actions in analysis.formats:
            _curve(left, analysis.calls, actions, _success)
            _curve(right, analysis.calls, actions, _turns)
        left.set_ylabel("success, %")
        left.set_ylim(-3, 103)
        right.set_ylabel("mean turns")
        right.set_ylim(bottom=0)
        for axes in (left, right):
            if min(analysis.calls) > 0:
                axes.set_xscale("log", base=2)
            axes.set_xticks(list(analysis.calls), [str(calls) for calls in analysis.calls])
            axes.minorticks_off()
            axes.set_xlabel("calls needed")
    _legend(figure, grid[0][0])


def _curve(
    axes: Axes,
    calls: Mapping[int, Mapping[str, Cell]],
    actions: str,
    value: Callable[[Cell], tuple[float, Interval | None]],
) -> None:
    points = [(number, *value(cells[actions])) for number, cells in calls.items() if cells[actions].episodes]
    aside = 1 + 0.04 * (list(COLOURS).index(actions) - 1)  # so that equal curves do not hide each other
    xs, heights = [number * aside for number, _, _ in points], [height for _, height, _ in points]
    axes.plot(xs, heights, marker=MARKERS[actions], color=COLOURS[actions], label=actions)
    low = [interval.low if interval else height for _, height, interval in points]
    high = [interval.high if interval else height for _, height, interval in points]
    axes.fill_between(xs, low, high, color=COLOURS[actions], alpha=0.15, linewidth=0)


def _failures(figure: Figure, analyses: Sequence[Analysis]) -> None:
    axes = figure.subplots()
    rows = [(analysis, actions) for analysis in analyses for actions in analysis.formats]
    left = [0.0] * len(rows)
    for kind, colour in zip(FAILURES, KINDS, strict=True):
        found = [analysis.failures[actions].episodes[kind] for analysis, actions in rows]
        sizes = [max(analysis.formats[actions].episodes, 1) for analysis, actions in rows]
        widths = [100 * count / size for count, size in zip(found, sizes, strict=True)]
        axes.barh(range(len(rows)), widths, left=left, color=colour, label=kind, height=0.75)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    names = [f"{shown(analysis.entrant.model)}  {actions}" for analysis, actions in rows]
    axes.set_yticks(range(len(rows)), names, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("failed episodes, % of all")
    _legend(figure, axes)


def _success(cell: Cell) -> tuple[float, Interval | None]:
    return 100 * cell.share, Interval(100 * cell.interval.low, 100 * cell.interval.high)


def _turns(cell: Cell) -> tuple[float, Interval | None]:
    return (cell.turns.value, cell.turns.interval) if cell.turns else (0.0, None)


def _whiskers(value: float, interval: Interval | None) -> list[list[float]]:
    """The lengths below and above a value, as matplotlib wants them."""
    if interval is None:
        return [[0.0], [0.0]]
    return [[max(0.0, value - interval.low)], [max(0.0, interval.high - value)]]


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    figure.legend(by_label.values(), by_label.keys(), loc="outside upper center", ncols=max(len(by_label), 1))


def _formats(analyses: Sequence[Analysis]) -> list[str]:
    return [name for name in COLOURS if any(name in analysis.formats for analysis in analyses)]


def shown(name: str) -> str:
    """A model's name as the font can draw it, cut when long."""
    font = get_font(findfont(FONT))
    drawable = "".join(letter if font.get_char_index(ord(letter)) else "□" for letter in legible(name))
    return cut(drawable, _LONGEST)


def _drawn(draw: Callable[[Figure], None], *, width: float, height: float) -> Drawing:
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        svg, png = io.StringIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.set_layout_engine("none")  # it stays as it has been laid out
        figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return Drawing(svg.getvalue(), png.getvalue())
