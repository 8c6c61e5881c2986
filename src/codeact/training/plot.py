"""The picture of a training: loss by step."""

# matplotlib's annotations leave its `**kwargs` open
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

_SMOOTH = 0.9  # of the running mean that is drawn over the steps


def draw_loss(path: Path, trained: Sequence[tuple[int, float]], validated: Sequence[tuple[int, float]]) -> None:
    """Write the curves of (step, loss), as a file that is always whole."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps = [step for step, _ in trained]
    axes.plot(steps, [loss for _, loss in trained], color="#2f6fde", alpha=0.3, linewidth=1)
    axes.plot(steps, _smoothed([loss for _, loss in trained]), color="#2f6fde", label="training")
    if validated:
        axes.plot(*zip(*validated, strict=True), color="#e07b28", marker="o", label="validation")
    axes.set_xlabel("step")
    axes.set_ylabel("loss of a trained token")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    beside = path.with_suffix(".part")
    figure.savefig(beside, format="png", dpi=120, metadata={"Software": None})
    beside.replace(path)


def _smoothed(values: Sequence[float]) -> list[float]:
    """A running mean that begins with the first value's own weight and not with zero."""
    total = weight = 0.0
    means: list[float] = []
    for value in values:
        total, weight = _SMOOTH * total + value, _SMOOTH * weight + 1
        means.append(total / weight)
    return means
