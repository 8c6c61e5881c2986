"""The base of a training: which file, and its sha256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codeact.errors import UsageError
from codeact.models.store import Store, default_root

LOCAL = "local:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The weights that are served, and trained on."""

    name: str  # as given, without folders: a report goes to other machines
    path: Path
    sha256: str


def find_base(base: str | Path, home: str | Path | None = None) -> Base:
    """`local:NAME` of the store below `home`, or the path of a GGUF file.

    Raises:
        WeightsError: it is not here, or cannot be read.
        UsageError: it is a model with an adapter already.
    """
    given = str(base)
    store = Store(default_root({"CODEACT_HOME": str(home)} if home else {}))
    named = store.resolve(given.removeprefix(LOCAL))
    if named.adapter is not None:
        raise UsageError(f"{given!r} has an adapter, and an adapter is trained on weights alone; give {named.base!r}")
    if given.startswith(LOCAL) and not given.endswith(".gguf"):
        path = store.path(given.removeprefix(LOCAL))
    else:
        path = Path(given.removeprefix(LOCAL)).expanduser()
        given = path.name
    return Base(name=given, path=path, sha256=store.fingerprint(path))
