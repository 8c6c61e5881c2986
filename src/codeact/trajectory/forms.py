"""Several trajectories as one file of text: a talk, or all that was recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from codeact.trajectory.markdown import to_markdown
from codeact.trajectory.messages import to_messages
from codeact.trajectory.notebook import notebook
from codeact.types import JSON, Trajectory

Form = Literal["messages", "markdown", "notebook"]


def convert(trajectories: Sequence[Trajectory], to: Form) -> str:
    """The text of the converted file: all trajectories, one after the other."""
    match to:
        case "messages":
            lines = [json.dumps({"messages": to_messages(each)}, ensure_ascii=False) for each in trajectories]
            return "\n".join(lines) + "\n"
        case "markdown":
            return "\n".join(map(to_markdown, trajectories))
        case "notebook":
            return (
                json.dumps(_one_notebook([notebook(each) for each in trajectories]), ensure_ascii=False, indent=1)
                + "\n"
            )


def _one_notebook(notebooks: Sequence[dict[str, JSON]]) -> dict[str, JSON]:
    cells = [cell for each in notebooks for cell in each["cells"]]
    return {**notebooks[-1], "cells": [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells, 1)]}
