"""The folder of a run: its trajectory, and the files that its code made, brought out of the box.

Names and contents come from untrusted code. Every name becomes a relative path of plain parts below the folder, files
are only ever created, and never through a link: nothing that was there before is overwritten or reached.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from codeact.agent import Conversation
from codeact.cli.escape import harmless
from codeact.errors import SandboxError, TransferError, UsageError
from codeact.sandbox.base import FileInfo, Session
from codeact.types import JSON

TRAJECTORY = "trajectory.jsonl"
MAX_FILES = 1000  # brought out at once; an unpacked archive can stay where it is
MAX_NAME = 120  # characters of one part of a path

_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f\\/:*?"<>|]')
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Saved:
    """One file that was brought out."""

    name: str  # in the workspace
    path: Path  # here
    size: int  # bytes


@dataclass(slots=True)
class RunFolder:
    """Where a run leaves its record and its files."""

    path: Path
    saved: list[Saved] = field(default_factory=list[Saved])
    skipped: list[str] = field(default_factory=list[str])  # sentences: what was not brought out, and why
    known: dict[str, str] = field(default_factory=dict[str, str])  # workspace name to digest of what is here already
    seen: dict[str, FileInfo] = field(default_factory=dict[str, FileInfo])  # as of the last time files were brought out

    @property
    def trajectory(self) -> Path:
        return self.path / TRAJECTORY

    def create(self, inputs: Iterable[Path] = ()) -> None:
        """Make the folder. `inputs` are files that the workspace gets from here; they come out only when changed.

        Raises:
            UsageError: the folder cannot be made or written to, or an input cannot be read.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"cannot make the folder {str(self.path)!r}: {error.strerror}; choose another with --out"
            raise UsageError(problem) from error
        if not os.access(self.path, os.W_OK):
            raise UsageError(f"cannot write to the folder {str(self.path)!r}; choose another with --out")
        for path in inputs:
            self.known[path.name] = digest(path)

    async def bring_out(self, session: Session | None) -> None:
        """Bring out each file of the workspace that is new or changed since the last time."""
        if session is None:
            return
        try:
            await self._collect(session)
        except SandboxError as error:
            self.skipped.append(f"files stayed in the workspace: {harmless(str(error))}")

    def save(self, name: str, data: bytes) -> Saved:
        """Write one file under the name it has in the workspace, or one like it when that is taken."""
        path = self._place(name)
        with path.open("xb") as file:
            file.write(data)
        return self._note(name, path, hashlib.sha256(data).hexdigest())

    async def _collect(self, session: Session) -> None:
        files = [info for info in await session.files() if not _is_hidden(info.path)]
        for info in files[:MAX_FILES]:
            if self.seen.get(info.path) != info:
                await self._collect_one(session, info)
                self.seen[info.path] = info
        if len(files) > MAX_FILES:
            self.skipped.append(f"{len(files) - MAX_FILES:,} more files were left in the workspace")

    async def _collect_one(self, session: Session, info: FileInfo) -> None:
        path = self._place(info.path)
        try:
            await session.get(info.path, to=path)
        except TransferError as error:
            self.skipped.append(harmless(str(error)))
            return
        if self.known.get(info.path) == (sha256 := digest(path)):
            path.unlink()  # it is here already
        else:
            self._note(info.path, path, sha256)

    def _place(self, name: str) -> Path:
        """A path that nothing has, for a file that the box calls so."""
        path = free_path(self.path / safe_name(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _note(self, name: str, path: Path, sha256: str) -> Saved:
        saved = Saved(harmless(name), path, path.stat().st_size)
        self.saved.append(saved)
        self.known[name] = sha256
        return saved


def plan_folder(task: str, out: Path | None, *, now: datetime) -> RunFolder:
    """The folder for a run: `out`, or a new one below `codeact-runs/` that is named after time and task. Makes nothing.

    Raises:
        UsageError: `out` already holds a run.
    """
    path = out or free_path(Path("codeact-runs") / f"{now:%Y%m%d-%H%M%S}-{slug(task)}")
    if (path / TRAJECTORY).exists():
        raise UsageError(f"{str(path)!r} already holds a run; choose another folder for --out, or move that one away")
    return RunFolder(path)


def slug(task: str) -> str:
    """The first words of a task as part of a file name."""
    words: list[str] = []
    for word in _WORD.findall(task[:400].lower()):
        if sum(map(len, words)) + len(word) > 32:
            break
        words.append(word)
    return "-".join(words) or "task"


def safe_name(name: str) -> Path:
    """A name from the box as a relative path that stays where it is put."""
    parts = [_safe_part(part) for part in name.split("/") if part not in ("", ".")]
    return Path(*parts) if parts else Path("unnamed")


def free_path(path: Path) -> Path:
    """`path`, or the first of `name-2`, `name-3`, … that nothing has."""
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def check_readable(path: Path, given: str = "") -> None:
    """Raises `UsageError` unless there is such a file and it can be read; `given` says where it was named."""
    with _usage_error(path):
        if not path.is_file():
            raise UsageError(f"no such file: {str(path)!r}{given}")
        with path.open("rb") as file:
            file.read(1)


def digest(path: Path) -> str:
    """Raises `UsageError` when the file cannot be read."""
    with _usage_error(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note_inputs(conversation: Conversation, files: Iterable[Path]) -> None:
    """Enter the files that a conversation is given into its record, so that a replay can find and check them.

    Raises:
        UsageError: one of them cannot be read; then none is entered.
    """
    setup = conversation.setup
    noted = [_noted(file) for file in files]
    described = {**setup.described, "files": [*setup.described.get("files", ()), *noted]}
    conversation.setup = replace(setup, described=described)


def _noted(path: Path) -> dict[str, JSON]:
    with _usage_error(path), path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {"path": str(path), "size": file.tell(), "sha256": sha256}


@contextmanager
def _usage_error(path: Path) -> Generator[None]:
    """What the system says against reading a file that the user named is for the user to mend."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _safe_part(part: str) -> str:
    cleaned = _UNFIT.sub("_", part.encode("utf-8", "replace").decode())
    if len(cleaned) > MAX_NAME:
        stem, dot, suffix = cleaned.rpartition(".")
        cleaned = (stem or suffix)[: MAX_NAME - 16] + (dot + suffix[:15] if stem else "")
    return "_" if cleaned in ("..", "") else cleaned


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
