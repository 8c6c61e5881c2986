"""Names that come from outside, before anything is looked up by them."""

from __future__ import annotations

import re
from typing import Final

ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
DEEPEST: Final = 20  # folders
LONGEST: Final = 1000  # bytes


def workspace_path(path: str) -> str:
    """A path within a workspace, as it was given. The sandbox holds the wall; here it is refused before it gets there.

    Raises:
        ValueError: it may lead out of the workspace, or is no name for a file.
    """
    parts = path.split("/")
    if len(parts) > DEEPEST or len(path.encode("utf-8", "surrogatepass")) > LONGEST:
        raise ValueError(f"a path may have {LONGEST} bytes and {DEEPEST} parts")
    if any(part in ("", ".", "..") or len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts):
        raise ValueError("a path is relative to the workspace, and has no part that is empty, '.' or '..'")
    if any(ord(character) < 32 or ord(character) == 127 or 0xD800 <= ord(character) < 0xE000 for character in path):
        raise ValueError("a path has no control characters")
    return path
