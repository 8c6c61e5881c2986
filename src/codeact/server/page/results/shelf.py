"""The results files that may be looked at: those that the service was given, and those in folders that it was given.

Nothing that a browser sends becomes a path: files and episodes are named by digests, looked up among what was found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from codeact.errors import UsageError
from codeact.server.page.results.index import MARK, Index, opened

MOST_FILES: Final = 500  # shown
MOST_SEEN: Final = 20_000  # names in folders
DEEPEST: Final = 6  # folders


class Shelf:
    """Not for several threads at a time."""

    def __init__(self, places: Sequence[Path]) -> None:
        """Raises `UsageError` for what is not there, or is a file of something else."""
        self._places = [place.resolve() for place in places]
        for place in self._places:
            if not place.is_dir() and not _begins_as_results(place):
                raise UsageError(
                    f"{str(place)!r} is neither a results file nor a folder; `codeact bench --out FOLDER` makes some"
                )
        self._known: dict[Path, Index] = {}

    def jobs(self) -> Sequence[Index]:
        """All that can be shown as it is now, those that were changed read up to their ends."""
        found: dict[Path, Index] = {}
        for path, name in self._paths():
            found.setdefault(path, self._known.get(path) or Index(path, name))
            if len(found) == MOST_FILES:
                break
        self._known = {path: index for path, index in found.items() if index.refresh()}
        return list(self._known.values())

    def _paths(self) -> Iterator[tuple[Path, str]]:
        for place in self._places:
            if place.is_dir():
                yield from ((path, str(path.relative_to(place.parent))) for path in _within(place))
            else:
                yield place, place.name


def _within(folder: Path) -> Iterator[Path]:
    """Results files below a folder. Links are not followed."""
    seen = 0
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if len(Path(at).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        for name in sorted(files):
            if (seen := seen + 1) > MOST_SEEN:
                return
            if name.endswith(".jsonl") and _begins_as_results(path := Path(at, name)):
                yield path


def _begins_as_results(path: Path) -> bool:
    try:
        with opened(path) as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False
