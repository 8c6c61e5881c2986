"""What a kernel says of itself and of its files, read with suspicion: it runs an agent's code, on a machine that is not
ours. What becomes part of a prompt has to look like what it claims to be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard, cast

from codeact.errors import SandboxError
from codeact.sandbox.base import FileInfo
from codeact.sandbox.box.frames import Blob, Frame
from codeact.types import BoxInfo

_WORD = re.compile(r"[\w.+!-]{1,100}", re.ASCII)  # a version, or the name of a package
_MAX_PACKAGES = 100
_MAX_PATH = 4096  # characters
_LARGEST = 2**63  # of numbers; no number at all is larger, too
_MAX_FILES = 10_000  # as many as an honest kernel lists


def about(frame: Frame) -> BoxInfo:
    """Raises `SandboxError`."""
    python, packages, workspace = (frame.body.get(key) for key in ("python", "packages", "workspace"))
    if not (_is_word(python) and _are_versions(packages) and _is_folder(workspace)):
        raise SandboxError("the kernel does not say what it is")
    # What is around a kernel is its owner's affair; nothing of it is tried, so nothing is claimed.
    return BoxInfo(python=python, workspace=workspace, packages=packages, isolation="process", network="open")


def chunk(frame: Frame) -> tuple[int, Blob]:
    """The size of a file, and a part of it. Raises `SandboxError`."""
    size = frame.body.get("size")
    if type(size) is not int or len(frame.blobs) != 1:
        raise SandboxError("the kernel answered with no part of a file")
    return size, frame.blobs[0]


def listing(frame: Frame) -> list[FileInfo]:
    """Raises `SandboxError`."""
    rows = frame.body.get("files")
    if not isinstance(rows, list) or len(cast("list[Any]", rows)) > _MAX_FILES:
        raise SandboxError("the kernel answered with no list of files")
    return [_file(row) for row in cast("list[Any]", rows)]


def _file(row: Any) -> FileInfo:
    match row:
        case [str(path), int(size), int() | float() as modified] if (
            0 <= size < _LARGEST and abs(modified) < _LARGEST and len(path) <= _MAX_PATH
        ):
            return FileInfo(path=path, size=size, modified=float(modified))
        case _:
            raise SandboxError("the kernel answered with a list of something else than files")


def _is_word(claim: Any) -> TypeGuard[str]:
    return isinstance(claim, str) and _WORD.fullmatch(claim) is not None


def _are_versions(claim: Any) -> TypeGuard[Mapping[str, str]]:
    if not isinstance(claim, dict) or len(packages := cast("dict[str, Any]", claim)) > _MAX_PACKAGES:
        return False
    return all(_is_word(name) and _is_word(version) for name, version in packages.items())


def _is_folder(claim: Any) -> TypeGuard[str]:
    return isinstance(claim, str) and claim.startswith("/") and len(claim) <= _MAX_PATH and claim.isprintable()
