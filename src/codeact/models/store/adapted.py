"""Models that are a base of the store and an adapter: those that ship with the package, and those a user puts together.

adapters/NAME/adapter.gguf   says by hash which known weights it is for, and what it is: licence, description
adapters/NAME/README.md      its model card
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codeact.errors import WeightsError
from codeact.models.adapter import FILE, AdapterInfo, read_adapter
from codeact.models.weights import Weights

SHIPPED: Final = Path(__file__).parents[1] / "adapters"

_NAME_AND_PATH = re.compile(r"([A-Za-z0-9][\w.-]*)\+(.+)", re.ASCII)
_PATH_AND_PATH = re.compile(r"(.+?\.gguf)\+(.+)")


@dataclass(frozen=True, slots=True)
class AdaptedWeights:
    """Known weights with an adapter, under a name of their own."""

    name: str
    base: Weights
    adapter: AdapterInfo

    @property
    def licence(self) -> str:
        return self.adapter.provenance.get("licence", self.base.licence)

    @property
    def description(self) -> str:
        """What its trainer says of it, and on what it rests."""
        said = self.adapter.provenance.get("description", "an adapter")
        return f"{said}; on {self.base.name}"


@dataclass(frozen=True, slots=True)
class LocalName:
    """What follows `local:`."""

    base: str  # weights of the store by their name, or the path of a GGUF file
    adapter: Path | None = None


def read_adapted(folder: Path, known: Mapping[str, Weights]) -> Mapping[str, AdaptedWeights]:
    """The adapters of a folder, by name.

    Raises:
        WeightsError: one of them is broken, or of weights that nobody knows.
    """
    bases = {weights.sha256: weights for weights in known.values()}
    found: dict[str, AdaptedWeights] = {}
    for path in sorted(folder.glob(f"*/{FILE}")):
        adapter = read_adapter(path)
        if adapter.base_sha256 not in bases:
            raise WeightsError(f"{path} is for {adapter.base_name or 'unnamed weights'}, which are not known by name")
        found[path.parent.name] = AdaptedWeights(path.parent.name, bases[adapter.base_sha256], adapter)
    return found


def split_name(name: str) -> LocalName:
    """`NAME+PATH` and `FILE.gguf+PATH` are a base and an adapter; any other is a base."""
    match = _NAME_AND_PATH.fullmatch(name) or _PATH_AND_PATH.fullmatch(name)
    return LocalName(match[1], Path(match[2]).expanduser()) if match else LocalName(name)
