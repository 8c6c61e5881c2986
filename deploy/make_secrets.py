"""Makes the files of secrets that deploy/compose.yaml names, in deploy/secrets; what is there already is left alone.

    python3 deploy/make_secrets.py

The folder is for its owner only. The files in it can be read by all, since Compose gives them to containers as they
are, and in these nobody is root.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "secrets"
DATABASE = "postgresql://codeact:{password}@database:5432/codeact"


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    password = kept(folder / "postgresql-password", secrets.token_urlsafe(32))
    kept(folder / "CODEACT_SERVE_DATABASE", DATABASE.format(password=password))
    kept(folder / "CODEACT_SERVE_TOKEN", f"cat_{secrets.token_urlsafe(32)}")
    kept(folder / "OPENAI_API_KEY", "none")  # put one there to use a hosted model
    print(f"secrets are in {folder}; log in with the token in {folder / 'CODEACT_SERVE_TOKEN'}")


def kept(path: Path, text: str) -> str:
    """What the file holds, which is `text` where there was none."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    path.chmod(0o444)
    return text


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
