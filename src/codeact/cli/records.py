"""Records as commands take them: read, with what is wrong with them said on the way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from codeact.cli.escape import harmless
from codeact.errors import TrajectoryError
from codeact.trajectory import load_report
from codeact.types import Trajectory

RecordFile = Annotated[Path, typer.Argument(metavar="FILE", help="A record: the trajectory.jsonl of a run.")]


def read_records(path: Path) -> Sequence[Trajectory]:
    """All trajectories of a file, at least one; a folder stands for the record in it.

    Raises:
        TrajectoryError: it cannot be read, or holds none.
    """
    loaded = load_report(path / "trajectory.jsonl" if path.is_dir() else path)
    for problem in loaded.problems:
        sys.stderr.write(f"note: {harmless(problem)}\n")
    if not loaded.trajectories:
        raise TrajectoryError(f"{str(path)!r} holds no trajectory; give the trajectory.jsonl of a run")
    return loaded.trajectories


def conversation_of(trajectories: Sequence[Trajectory], last: str) -> list[Trajectory]:
    """The trajectories that lead to the one with the id `last`, in order: a talk without what was taken back."""
    by_id = {trajectory.id: trajectory for trajectory in trajectories}
    chain: list[Trajectory] = []
    found = by_id.get(last)
    while found is not None:
        chain.insert(0, found)
        found = by_id.get(found.parent or "")
    return chain
