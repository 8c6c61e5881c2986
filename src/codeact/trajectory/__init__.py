"""Trajectories: written as a run goes, read back, turned into other forms, compared."""

from __future__ import annotations

from codeact.trajectory.compare import Difference, compare
from codeact.trajectory.load import (
    Loaded,
    iter_trajectories,
    load_report,
    load_trajectories,
    load_trajectory,
    trajectories_in,
    whole_trajectory,
)
from codeact.trajectory.markdown import to_markdown
from codeact.trajectory.messages import from_messages, to_messages
from codeact.trajectory.notebook import notebook, to_notebook
from codeact.trajectory.record import TrajectoryWriter, dump_line

__all__ = [
    "Difference",
    "Loaded",
    "TrajectoryWriter",
    "compare",
    "dump_line",
    "from_messages",
    "iter_trajectories",
    "load_report",
    "load_trajectories",
    "load_trajectory",
    "notebook",
    "to_markdown",
    "to_messages",
    "to_notebook",
    "trajectories_in",
    "whole_trajectory",
]
