"""What the store writes down about each of its files: `weights.json`, beside the file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from codeact.errors import WeightsError
from codeact.models.weights import Weights

RECORD = "weights.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWeights:
    """Weights that are on this machine."""

    name: str
    path: Path
    size: int  # bytes, as it should be
    sha256: str
    licence: str  # empty when nobody said
    description: str
    origin: str  # "the package index", "huggingface.co", or the file it was copied from
    added: datetime


def read_entry(folder: Path) -> StoredWeights | None:
    """The weights in a folder of the store; None when there are none, or only those of a pull that did not end.

    Raises:
        WeightsError: the record is broken.
    """
    record = folder / RECORD
    try:
        said = json.loads(record.read_bytes())
        entry = StoredWeights(
            name=folder.name,
            path=folder / Path(said["file"]).name,
            size=int(said["size"]),
            sha256=str(said["sha256"]),
            licence=str(said["licence"]),
            description=str(said["description"]),
            origin=str(said["origin"]),
            added=datetime.fromisoformat(said["added"]),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{record} is broken ({error!r}); remedy: codeact models rm {folder.name}") from error
    return entry if entry.path.is_file() else None


def write_entry(folder: Path, weights: Weights, origin: str) -> None:
    said = {
        "file": weights.file,
        "size": weights.size,
        "sha256": weights.sha256,
        "licence": weights.licence,
        "description": weights.description,
        "origin": origin,
        "added": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    fresh = folder / f"{RECORD}.new"
    fresh.write_text(json.dumps(said, indent=2) + "\n")
    fresh.replace(folder / RECORD)
