"""The files that an answer names, as annotations of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from codeact.server.names import writable
from codeact.types import JSON

_MOST = 50


def cite(text: str, files: Mapping[str, str], *, container: str, workspace: str) -> list[dict[str, JSON]]:
    """A citation for the first place where each file is named. `files`: their paths in the workspace to their ids."""
    found: list[dict[str, JSON]] = []
    for path, id in files.items():
        place = _place(text, path, workspace) if path in text else None
        if place is not None:
            found.append(
                {
                    "type": "container_file_citation",
                    "container_id": container,
                    "file_id": id,
                    "filename": writable(path.rpartition("/")[2]),
                    "start_index": place.start(),
                    "end_index": place.end(),
                }
            )
    return sorted(found, key=lambda citation: citation["start_index"])[:_MOST]


def _place(text: str, path: str, workspace: str) -> re.Match[str] | None:
    """Where a path stands by itself, and not as a part of another name: `a.csv` is not in `data.csv` or `a.csv.gz`."""
    whole = rf"(?<![\w./-])(?:{re.escape(workspace)}/|\./)?{re.escape(path)}(?![\w-])(?!\.\w)"
    return re.search(whole, text)
