"""ALFWorld's games as its publisher offers them: a folder of them, or an archive."""

from __future__ import annotations

import json
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, cast

from codeact.errors import UsageError
from codeact.tasks.files import note, read_text
from codeact.tasks.household.goal import Goal, read_goal
from codeact.types import JSON

PUBLISHER = "https://github.com/alfworld/alfworld (alfworld-download)"
FILE = "game.tw-pddl"
FIELDS = ("pddl_domain", "grammar", "pddl_problem")
EVALUATION = "eval_ids.txt"  # MINT's games, by the names of their folders


@dataclass(frozen=True, slots=True, kw_only=True)
class GameFile:
    """A game that the functions can play."""

    id: str  # the names of its two folders: goal and trial
    goal: Goal | None  # None where the functions cannot do it: they do not slice, nor move what other things are in
    solvable: bool  # whether its publisher's expert has won it
    held_out: bool  # whether it belongs to MINT's evaluation set
    read: Callable[[], str]


def read_games(data: JSON) -> Sequence[GameFile]:
    """All games of a folder or an archive, in the order of their ids.

    Raises:
        UsageError: no data, or files that are none of ALFWorld's, cut short, or with missing fields; says which.
    """
    if not isinstance(data, str | Path) or not str(data):
        raise UsageError(f"alfworld has no data of its own; remedy: data=PATH of the games offered at {PUBLISHER}")
    place = _place(Path(data))
    held_out = _held_out(place)
    files = _in_folder(place) if place.is_dir() else _in_archive(place)
    games = [_game(path, text, read, held_out) for path, text, read in files]
    if not games:
        raise UsageError(f"{place} has no file {FILE}, so no game of ALFWorld; they are offered at {PUBLISHER}")
    return sorted(games, key=lambda game: game.id)


def _place(given: Path) -> Path:
    """A folder with nothing but an archive stands for it."""
    if not given.exists():
        raise UsageError(f"{given} is not there; ALFWorld's games are offered at {PUBLISHER}")
    archives = sorted(given.glob("games.tar*")) if given.is_dir() else []
    return archives[0] if archives else given


def _held_out(place: Path) -> Callable[[PurePosixPath], bool]:
    """By the list of ids beside the games; without it every game of `valid_unseen`, where MINT's are from."""
    listed = [folder / EVALUATION for folder in (place, place.parent) if (folder / EVALUATION).is_file()]
    ids = {id for file in listed[:1] for id in read_text(file).split()}
    return lambda path: _id(path) in ids if listed else "valid_unseen" in path.parts


def _in_folder(folder: Path) -> Iterator[tuple[PurePosixPath, str, Callable[[], str]]]:
    for path in sorted(folder.rglob(FILE)):
        yield PurePosixPath(path), _text(path), partial(_text, path)


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _in_archive(archive: Path) -> Iterator[tuple[PurePosixPath, str, Callable[[], str]]]:
    for name, text in _members(archive):
        yield PurePosixPath(name), text, partial(_member, archive, name)


def _member(archive: Path, name: str) -> str:
    """An archive is read again for each game: it is small, or it is better unpacked."""
    found = next((text for known, text in _members(archive) if known == name), None)
    if found is None:
        raise UsageError(f"{archive} no longer has {name}")
    return found


def _members(archive: Path) -> Iterator[tuple[str, str]]:
    try:
        note(archive)
        with tarfile.open(archive, "r:*") as opened:
            for member in opened:
                if member.isfile() and PurePosixPath(member.name).name == FILE:
                    file = cast("Any", opened.extractfile(member))
                    yield member.name, file.read().decode()
    except (OSError, EOFError, UnicodeDecodeError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
        raise UsageError(f"{archive} is no archive of games, or is cut short: {error}") from error


def _game(path: PurePosixPath, text: str, read: Callable[[], str], held_out: Callable[..., bool]) -> GameFile:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is not JSON, or is cut short: {error}") from error
    fields = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if missing := [name for name in FIELDS if not isinstance(fields.get(name), str)]:
        raise UsageError(f"{path} is no game of ALFWorld: it has no text {missing[0]!r}; see {PUBLISHER}")
    return GameFile(
        id=_id(path),
        goal=read_goal(fields["grammar"]),
        solvable=fields.get("solvable") is True,
        held_out=held_out(path),
        read=read,
    )


def _id(path: PurePosixPath) -> str:
    return "/".join(path.parts[-3:-1])
