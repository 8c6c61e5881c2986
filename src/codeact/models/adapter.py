"""Adapters: a few megabytes that llama.cpp adds to the weights of a base; here it is checked whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codeact.errors import WeightsError
from codeact.models.fingerprint import fingerprint
from codeact.models.gguf import read_gguf, read_header

FILE: Final = "adapter.gguf"  # as a training calls it; then the folder says which it is
OWN: Final = "codeact."  # before the keys that no format knows but ours
BASE_SHA256: Final = f"{OWN}base_sha256"
BASE_NAME: Final = f"{OWN}base_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterInfo:
    """What a GGUF adapter says of itself."""

    path: Path
    sha256: str  # its own
    architecture: str
    base_sha256: str  # empty where its writer did not say
    base_name: str  # the file name of its base, for people
    size: int  # bytes
    provenance: Mapping[str, str]  # what else stands below `codeact.`

    @property
    def label(self) -> str:
        """Names it in records: for people by its file or folder, and by its hash, because what lies there changes."""
        name = self.path.absolute().parent.name if self.path.name == FILE else self.path.stem
        return f"{name}@{self.sha256[:12]}"

    def check_base(self, base: Path, sha256: str) -> None:
        """Compare it with the file it is to be added to, whose hash the caller knows. Where its writer did not say for
        which file it is (other people's tools do not), its architecture has to do.

        Raises:
            WeightsError: it was made for another file than `base`.
        """
        theirs = read_gguf(base).architecture
        if self.base_sha256 not in ("", sha256):
            raise WeightsError(
                f"the adapter {str(self.path)!r} was trained on {self.base_name or 'a file'} (sha256 "
                f"{self.base_sha256[:12]}…), and {base.name} is another ({sha256[:12]}…); remedy: use it with its own "
                f"base, or train one on this file (codeact train)"
            )
        if self.architecture != theirs:
            raise WeightsError(
                f"the adapter {str(self.path)!r} is for the architecture {self.architecture!r}, and {base.name} is "
                f"of {theirs!r}"
            )


def read_adapter(path: Path) -> AdapterInfo:
    """Check that a file is a LoRA adapter, and read what it says.

    Raises:
        WeightsError: no such file, no GGUF, cut short, or another kind of GGUF.
    """
    header = read_header(path)
    kinds = tuple(str(header.values.get(key, "")) for key in ("general.type", "adapter.type"))
    if kinds != ("adapter", "lora"):
        raise WeightsError(
            f"{str(path)!r} is not a LoRA adapter but a GGUF file of the type {kinds[0] or 'model'!r}; "
            "remedy: give the adapter.gguf that `codeact train` wrote"
        )
    own = {key.removeprefix(OWN): str(value) for key, value in header.values.items() if key.startswith(OWN)}
    return AdapterInfo(
        path=path,
        sha256=fingerprint(path),
        architecture=header.info.architecture,
        base_sha256=own.pop("base_sha256", ""),
        base_name=own.pop("base_name", ""),
        size=path.stat().st_size,
        provenance=own,
    )
