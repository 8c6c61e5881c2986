"""Lines of files that may be compressed, one after the other; whatever is wrong is named by file and line. And files
that are written whole or not at all.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from codeact.errors import SetupError, UsageError

_LONGEST_SIGN = 6
_SIGNS = {b"\xfd7zXZ\x00": lzma.open, b"\x1f\x8b": gzip.open, b"BZh": bz2.open}  # what such a file begins with


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers and their ends, empty ones left out; .xz, .gz and .bz2 are read directly.

    Raises:
        UsageError: the file cannot be read, or its compressed data are cut off or damaged; says after which line.
    """
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except EOFError as error:
        raise UsageError(f"{str(path)!r} is cut off: its compressed data end after line {number}") from error
    except (lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"{str(path)!r} is damaged: its compressed data break off after line {number}") from error
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror or error}") from error


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(_LONGEST_SIGN)
    for sign, opener in _SIGNS.items():
        if start.startswith(sign):
            return cast("IO[bytes]", opener(path, "rb"))
    return path.open("rb")


@contextmanager
def written_whole(path: Path, *, again: bool = False) -> Generator[Path]:
    """Where to write a new file, which takes its place once all is written; on any failure there is none. `again` lets
    it take the place of an earlier one.

    Raises:
        UsageError: the file exists.
        SetupError: it cannot be written.
    """
    if path.exists() and not again:
        raise UsageError(f"{str(path)!r} exists; give another name, or move it away")
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.rename(path)
    except OSError as error:
        raise SetupError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # it is in place by now, or could not be made
            partial.unlink()
