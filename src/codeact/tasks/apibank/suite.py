"""The suite: every call of every dialogue as a task, in three profiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from codeact.errors import UsageError
from codeact.tasks.apibank import fixed, paper, paper_readers, readers
from codeact.tasks.apibank.catalogue import APIS
from codeact.tasks.apibank.dialogues import SOURCE, ApiBank, read_api_bank
from codeact.tasks.base import Profile, Suite, Task


def tasks(make: Callable[[ApiBank], Sequence[Task]], /, *, data: str | Path | None = None) -> Sequence[Task]:
    """The tasks of one profile, in the order of the files' names.

    Raises:
        UsageError: `data` is left out, or is not API-Bank's folder.
    """
    if data is None:
        raise UsageError(f"apibank needs data=PATH: API-Bank's folder, which its publisher offers at {SOURCE}")
    bank = read_api_bank(data)
    for dialogue in bank.dialogues:
        if strange := [name for name in dialogue.apis if name not in APIS]:
            raise UsageError(f"{dialogue.name} calls {', '.join(strange)}, which level-1-given-desc does not have")
    return make(bank)


SUITE = Suite(
    name="apibank",
    summary="API-Bank, level 1 with descriptions given: the next API call of a dialogue (needs data=PATH)",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="fixed", summary="repaired APIs and checkers, the state kept", tasks=partial(tasks, fixed.tasks)),
        Profile(
            name="paper",
            summary="the original's protocol and defects",
            tasks=partial(tasks, partial(paper.tasks, paper_readers.READERS)),
        ),
        Profile(
            name="parsers",
            summary="the original's protocol, replies read by real parsers",
            tasks=partial(tasks, partial(paper.tasks, readers.READERS)),
        ),
    ),
)
