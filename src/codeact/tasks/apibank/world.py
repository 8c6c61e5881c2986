"""The world of one episode: the databases, which calls change, and what was recorded of services on the net."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from codeact.tasks.apibank.dialogues import Called, Dialogue
from codeact.types import JSON

TODAY = "2023-03-31"  # the day on which the dialogues were recorded


class CallError(Exception):
    """An API refuses a call: the caller's mistake, worded for the caller."""


@dataclass(slots=True, kw_only=True)
class World:
    """Made anew for each episode, so that nothing leaks from one to another."""

    databases: Mapping[str, JSON]  # as they begin; shared, never changed
    recorded: Mapping[str, list[Called]] = field(default_factory=dict[str, list[Called]])  # by API
    on_net: bool = True  # whether services on the net answer, from what was recorded
    changed: dict[str, Any] = field(default_factory=dict[str, Any])
    replayed: JSON = None  # while an earlier call is made again: what it gave then

    def table(self, name: str) -> dict[str, Any]:
        """A database by its file's name; this world's own from its first use on."""
        if name not in self.changed:
            self.changed[name] = deepcopy(self.databases.get(name, {}))
        return self.changed[name]

    def user(self, token: str) -> str:
        """Whose token it is.

        Raises:
            CallError: nobody's.
        """
        for username, account in self.table("Account").items():
            if account["token"] == token:
                return username
        raise CallError("the token is not valid")

    def owned(self, table: str, username: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The entries of a user, with their keys."""
        for key, entry in self.table(table).items():
            if entry["username"] == username:
                yield key, entry

    def add(self, table: str, **entry: JSON) -> None:
        """A new entry under the next number."""
        entries = self.table(table)
        entries[str(max(map(int, entries), default=0) + 1)] = entry

    def new_id(self, letters: str, length: int, seed: str) -> str:
        """An id that an API makes up; the same call gives the same one."""
        rng = random.Random(seed)  # noqa: S311 -- not for secrets
        return "".join(rng.choices(letters, k=length))

    def recording(self, api: str, same: Callable[[Mapping[str, JSON]], bool]) -> JSON:
        """What a service on the net gave to the first recorded call with such arguments.

        Raises:
            CallError: no such call was recorded, or the service cannot be reached.
        """
        if not self.on_net:
            raise CallError(f"{api} asks a service on the net, which cannot be reached")
        for call in self.recorded.get(api, []):
            if call.response.exception is None and same(call.arguments):
                return call.response.output
        raise CallError("nothing was found")


DIGITS, LETTERS = string.digits[1:], string.ascii_lowercase + string.digits


def recordings(dialogues: Sequence[Dialogue]) -> Mapping[str, list[Called]]:
    """The calls of all dialogues by API: the one source for services that were live when they were recorded."""
    found: dict[str, list[Called]] = {}
    for dialogue in dialogues:
        for _, call in dialogue.calls:
            found.setdefault(call.api, []).append(call)
    return found
