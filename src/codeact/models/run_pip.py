"""`python -m codeact.models.run_pip PARENT TEMP ARGUMENTS…`: pip, in a child process that leaves nothing behind.

It dies with its parent and keeps its temporary files in the folder TEMP, on the disk that was checked for room. Where
pip is not installed (environments made by uv have none), the copy that comes with Python's `ensurepip` is run.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from codeact.models.orphans import die_with_parent

MISSING = 3  # exit status when there is no pip; pip's own are 0 to 2


def find_pip() -> bool:
    """Make `import pip` possible, whether from the environment or from `ensurepip`."""
    if find_spec("pip") is not None:
        return True
    if find_spec("ensurepip") is None:  # Debian's python3 without python3-venv
        return False
    bundled = Path(str(files("ensurepip") / "_bundled"))
    sys.path += [str(wheel) for wheel in bundled.glob("pip-*.whl")]
    return find_spec("pip") is not None


def main() -> None:
    parent, tempfile.tempdir = int(sys.argv.pop(1)), sys.argv.pop(1)
    die_with_parent(parent)
    if not find_pip():
        sys.exit(MISSING)
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
