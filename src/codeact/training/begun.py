"""An adapter that is trained further: the folder of an earlier training, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeact.errors import UsageError
from codeact.models.fingerprint import fingerprint
from codeact.training.bases import Base
from codeact.training.folder import Folder
from codeact.training.gguf_adapter import CONFIG, TENSORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where a training begins, if not at the base."""

    folder: Path
    sha256: str  # of its tensors
    rank: int
    alpha: int

    def settled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options, with the shape that the adapter has.

        Raises:
            UsageError: they ask for another one, or for no adapter at all.
        """
        if options.get("full"):
            raise UsageError(f"all weights (full) cannot be trained on top of the adapter {str(self.folder)!r}")
        for name, value in (("rank", self.rank), ("alpha", self.alpha)):
            if options.get(name) not in (None, value):
                raise UsageError(
                    f"the adapter {str(self.folder)!r} has {name} {value}, and keeps it when it is trained further, so "
                    f"{name} cannot be {options[name]!r}; remedy: leave it out"
                )
        return {**options, "rank": self.rank, "alpha": self.alpha}


def read_begun(folder: Path, base: Base) -> Begun:
    """The adapter in a folder that a training wrote.

    Raises:
        UsageError: there is none, or it is of another base.
    """
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        trained = json.loads(Folder(folder).report.read_bytes())
        rank, alpha, of = int(config["r"]), int(config["lora_alpha"]), trained["base"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{str(folder)!r} has no adapter that could be trained further ({error}); remedy: give the folder that "
            "`codeact train` wrote, after its end"
        ) from error
    if of["sha256"] != base.sha256:
        raise UsageError(
            f"the adapter {str(folder)!r} was trained on {of['name']} (sha256 {of['sha256'][:12]}…), and "
            f"{base.name} is another ({base.sha256[:12]}…)"
        )
    return Begun(folder=folder, sha256=fingerprint(folder / TENSORS), rank=rank, alpha=alpha)
