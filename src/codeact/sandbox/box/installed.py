"""Where packages come from besides the interpreter: a folder that the sandbox was given, and one of the session's own,
into which it installs. It lies below /tmp and not in the workspace, where it would be taken for the agent's own work.

pip installs there by `PIP_PREFIX` and not by `--target`, which would fetch again whatever the box has already.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

_FOLDERS = ("/site-packages", "/dist-packages")


def put_first(folders: Sequence[str]) -> None:
    """Let these come before the interpreter's own packages, here and in the programs that are started."""
    places = (n for n, path in enumerate(sys.path) if path.endswith(_FOLDERS))
    place = next(places, len(sys.path))
    sys.path[place:place] = folders
    others = filter(None, [os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, *others])


def make_room(environment: Mapping[str, str]) -> None:
    """For a session, before its first worker: what it installs is importable at once, and survives the worker.

    `environment`: what its programs find besides the server's own.
    """
    prefix = _prefix(os.environ["TMPDIR"])
    own = _folders(prefix)
    for folder in own:
        Path(folder).mkdir(parents=True, exist_ok=True)  # one that came later would not be looked into
    put_first(own)
    os.environ.update(environment)
    os.environ["PIP_PREFIX"] = prefix
    os.environ["PATH"] += f"{os.pathsep}{prefix}/bin"


def _prefix(folder: str) -> str:
    return f"{folder}/.packages"


@functools.cache
def _folders(prefix: str) -> Sequence[str]:
    scheme = sysconfig.get_preferred_scheme("prefix")
    names = {"base": prefix, "platbase": prefix}
    return tuple(dict.fromkeys(sysconfig.get_path(kind, scheme, names) for kind in ("purelib", "platlib")))


_folders(_prefix(os.environ.get("TMPDIR", "")))  # slow, and the same for all sessions of a server that has namespaces
