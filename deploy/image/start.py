"""The image's first program: each file in the folder of secrets becomes the variable of its name, then `codeact` runs.

Compose, Podman and Kubernetes all hand out secrets as files. As files they are in no description of a container, no
`inspect` and no manifest; `codeact` reads them as variables: CODEACT_SERVE_DATABASE, CODEACT_SERVE_TOKEN,
OPENAI_API_KEY. What was set as a variable already is refused rather than one of the two taken.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

SECRETS = Path("/run/secrets")
NAME = re.compile(r"[A-Z][A-Z0-9_]*")  # of a variable; what else lies there is not ours


def variables(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Raises `SystemExit` for a secret that is given twice, is empty, or cannot be read; never shows one."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not NAME.fullmatch(path.name):
            continue
        if path.name in environment:
            raise SystemExit(f"{path.name} is given as a variable and as {path}; leave one of them out")
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SystemExit(f"the secret {path} cannot be read: {type(error).__name__}") from None
        if not text:
            raise SystemExit(f"the secret {path} is empty; fill it, or take it away")
        yield path.name, text


def main() -> None:
    # The command of the same environment, without a search along a PATH.
    command = Path(sys.executable).parent / "codeact"
    environment = {**os.environ, **dict(variables(SECRETS, os.environ))}
    os.execve(command, ["codeact", *sys.argv[1:]], environment)  # noqa: S606 -- in the place of this one


if __name__ == "__main__":
    main()
