"""Publishers' files: suites read them through here, so that results can say what their tasks were made from.

A file is known by its name and its content and not by where it lies: another machine has it elsewhere, and what lies at
a path may be another tomorrow.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path

_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".xz": lzma.decompress}
_DIGITS = 16  # of a sha256: no two files meet in them by chance


@dataclass(slots=True)
class FilesRead:
    """What was read, by its content."""

    known: dict[Path, str] = field(default_factory=dict[Path, str])

    def add(self, path: Path) -> None:
        with path.open("rb") as file:
            self.known[path.absolute()] = file_digest(file, "sha256").hexdigest()

    def digest(self) -> str:
        """All of them in one word."""
        parts = sorted(f"{path.name} {digest}" for path, digest in self.known.items())
        return _short(sha256("\n".join(parts).encode()).hexdigest())

    def digest_of(self, path: Path) -> str | None:
        """One of them; None where it was not read."""
        return _short(found) if (found := self.known.get(path.absolute())) else None


_reading: ContextVar[FilesRead | None] = ContextVar("_reading", default=None)


@contextmanager
def files_read() -> Generator[FilesRead]:
    """The files that are read in the body."""
    found = FilesRead()
    token = _reading.set(found)
    try:
        yield found
    finally:
        _reading.reset(token)


def read_bytes(path: Path) -> bytes:
    """Raises `OSError`."""
    note(path)
    return path.read_bytes()


def read_text(path: Path) -> str:
    """Also of a file that is packed, as its name says (`.gz`, `.xz`). Raises `OSError` or `UnicodeDecodeError`."""
    data, unpack = read_bytes(path), _UNPACK.get(path.suffix)
    try:
        plain = unpack(data) if unpack else data
    except (EOFError, lzma.LZMAError, zlib.error) as error:
        raise OSError(f"it is cut short, or not packed as its name says: {error}") from error
    return io.TextIOWrapper(io.BytesIO(plain), encoding="utf-8").read()


def note(path: Path) -> None:
    """That a file is read in another way: an archive, or a module that another process imports. Raises `OSError`."""
    if (found := _reading.get()) is not None:
        found.add(path)


def _short(digest: str) -> str:
    return f"sha256:{digest[:_DIGITS]}"
