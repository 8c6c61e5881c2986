"""All that a training reads, made ready: rows of files, general conversations mixed in, sequences in packs."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path

from codeact.errors import UsageError
from codeact.training.chat import Chat
from codeact.training.counts import Counts
from codeact.training.packing import Pack, alone, pack
from codeact.training.rows import Row, read_pairs, read_rows
from codeact.training.sequences import Sequence, encode_pairs, encode_rows
from codeact.training.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the rows are."""

    data: tuple[Path, ...]
    general: tuple[Path, ...] = ()  # conversations of another kind, to be mixed in
    validation: tuple[Path, ...] = ()  # never trained on

    def hashes(self) -> dict[str, str]:
        """The sha256 of each file, by its place in this list: names and folders may change.

        Raises:
            UsageError: one cannot be read.
        """
        groups = {"data": self.data, "general": self.general, "validation": self.validation}
        return {
            f"{group} {number}": _sha256(path)
            for group, paths in groups.items()
            for number, path in enumerate(paths, 1)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is trained on, and how it came about."""

    packs: list[Pack]
    validation: list[Pack]
    counts: Mapping[str, Counts]  # by what the files are for: data, general, validation
    length: int

    @property
    def shared(self) -> int:
        """Tokens that are not computed, because another sequence of a pack begins with them too."""
        return sum(pack.shared for pack in self.packs)

    @property
    def filled(self) -> float:
        """The share of all places in packs that hold a token."""
        return sum(map(len, self.packs)) / (len(self.packs) * self.length)

    def steps(self, settings: Settings) -> int:
        """Steps of the optimiser in the whole training; as transformers' Trainer counts them."""
        return math.ceil(settings.epochs * math.ceil(len(self.packs) / settings.packs_per_step))


def prepare(files: Files, chat: Chat, settings: Settings) -> Prepared:
    """Read and encode everything.

    Raises:
        UsageError: a file is not what it should be, or the template does not say what is trained.
    """
    if settings.dpo:
        return _pairs(files, chat, settings)
    sequences, counts = _encoded(files.data, chat, settings)
    found = {"data": counts}
    if files.general:
        general = _general(_rows(files.general), chat, settings, beside=counts.tokens)
        sequences, found["general"] = sequences + general[0], general[1]
    validation: list[Sequence] = []
    if files.validation:
        validation, found["validation"] = _encoded(files.validation, chat, settings)
    return Prepared(
        packs=_packed(sequences, settings),
        validation=_packed(validation, settings),
        counts=found,
        length=settings.length,
    )


def _pairs(files: Files, chat: Chat, settings: Settings) -> Prepared:
    """A pack of each pair: their beginning is computed once."""
    if files.general:
        raise UsageError("general conversations cannot be mixed in with dpo: a pair is not one of them")
    groups = {"data": files.data, "validation": files.validation}
    encoded = {
        name: encode_pairs((pair for path in paths for pair in read_pairs(path)), chat, length=settings.length)
        for name, paths in groups.items()
        if paths
    }
    packs = {name: [Pack(pair) for pair in pairs] for name, (pairs, _) in encoded.items()}
    return Prepared(
        packs=packs["data"],
        validation=packs.get("validation", []),
        counts={name: counts for name, (_, counts) in encoded.items()},
        length=settings.length,
    )


def _packed(sequences: Many[Sequence], settings: Settings) -> list[Pack]:
    return pack(sequences, settings.length) if settings.pack else alone(sequences)


def _encoded(paths: Iterable[Path], chat: Chat, settings: Settings) -> tuple[list[Sequence], Counts]:
    return encode_rows(_rows(paths), chat, length=settings.length, too_long=settings.too_long)


def _rows(paths: Iterable[Path]) -> list[Row]:
    return [row for path in paths for row in read_rows(path)]


def _general(rows: list[Row], chat: Chat, settings: Settings, *, beside: int) -> tuple[list[Sequence], Counts]:
    """As many rows, drawn by the seed, as make up their share of all tokens; all where there are fewer."""
    wanted = beside * settings.general_share / (1 - settings.general_share)
    drawn = random.Random(settings.seed).sample(rows, len(rows))  # noqa: S311 -- not for secrets
    return encode_rows(drawn, chat, length=settings.length, too_long=settings.too_long, enough=wanted)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
