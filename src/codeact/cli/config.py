"""Settings from files: `codeact.toml` of the project and of the user, as defaults of the commands' options.

One table for each command, a key for each option: `[run]`, `model = "openai:gpt-5.2"`. What comes first wins: option,
environment variable (`CODEACT_RUN_MODEL`), the project's file (the nearest `codeact.toml` from the current folder
upward), the user's file, built-in default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import cast

from codeact.errors import UsageError
from codeact.types import JSON

FILE = "codeact.toml"

Table = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Config:
    """The tables of the files that were found, the project's laid over the user's."""

    tables: Mapping[str, JSON] = field(default_factory=dict[str, JSON])
    origins: Mapping[tuple[str, str], Path] = field(default_factory=dict[tuple[str, str], Path])  # by command and key

    def check(self, command: str, options: Sequence[str]) -> None:
        """Raises `UsageError` when the command's table has a key that is no option of the command."""
        table: Table = self.tables.get(command, {})
        for key in table:
            if key not in options:
                raise UsageError(
                    f"{self.origins[command, key]}: [{command}] has no option {key!r}{_hint(key, options)}"
                )


def find_files(start: Path, user_folder: Path) -> tuple[Path, ...]:
    """The files that apply, the one that wins last."""
    project = next((folder / FILE for folder in (start, *start.parents) if (folder / FILE).is_file()), None)
    candidates = [user_folder / FILE] + ([project] if project else [])
    return tuple(dict.fromkeys(path for path in candidates if path.is_file()))


def load(files: Sequence[Path], commands: Sequence[str]) -> Config:
    """Read the files, later ones over earlier ones.

    Raises:
        UsageError: a file cannot be read, or names a command that there is not.
    """
    tables: dict[str, dict[str, JSON]] = {}
    origins: dict[tuple[str, str], Path] = {}
    for path in files:
        for command, table in _read(path).items():
            if command not in commands:
                raise UsageError(f"{path}: there is no command {command!r}{_hint(command, commands)}")
            if not isinstance(table, dict):
                raise UsageError(f"{path}: {command!r} must be a table; options go below a line [{command}]")
            for key, value in cast("dict[str, JSON]", table).items():
                name = key.replace("-", "_")
                tables.setdefault(command, {})[name] = value
                origins[command, name] = path
    return Config(tables, origins)


def _read(path: Path) -> dict[str, JSON]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}; fix the file or move it away") from error


def _hint(name: str, names: Sequence[str]) -> str:
    matches = get_close_matches(name, names, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; there are: {', '.join(names)}"
