"""Tasks by name: which ones a job takes, in words that another process can make the same tasks from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codeact.errors import UsageError
from codeact.tasks import Task, suite
from codeact.tasks.files import FilesRead, files_read
from codeact.types import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSource:
    """All tasks of a suite as they are played: what a worker on another machine is told instead of the tasks."""

    suite: str
    profile: str | None = None
    options: Mapping[str, JSON] = field(default_factory=dict[str, Any])  # of the suite
    reply_tokens: int | None = None  # of one reply, in place of what the tasks' rules say

    def tasks(self) -> Sequence[Task]:
        """The tasks, in the suite's order.

        Raises:
            UsageError: no such suite, profile or option.
        """
        return self.made()[0]

    def made(self) -> tuple[Sequence[Task], Mapping[str, JSON]]:
        """The tasks, and the options that they were made by, as results keep them: files by their content.

        Raises:
            UsageError: no such suite, profile or option.
        """
        with files_read() as files:
            tasks = suite(self.suite).tasks(self.profile, **self.options)
        if self.reply_tokens is not None:
            tasks = [replace(task, rules=replace(task.rules, reply_tokens=self.reply_tokens)) for task in tasks]
        return tasks, {name: _kept(name, value, files) for name, value in self.options.items()}


def _kept(name: str, value: JSON, files: FilesRead) -> JSON:
    """`data` stands for all files that were read, of which there may be many, some of them beside it."""
    if not isinstance(value, str):
        return value
    if name != "data":
        return files.digest_of(Path(value)) or value
    if not files.known:  # a suite that reads in its own way: all that is there counts
        place = Path(value)
        for path in place.rglob("*") if place.is_dir() else [place]:
            if path.is_file():
                files.add(path)
    return files.digest()


def subset(tasks: Sequence[Task], count: int, seed: int = 0) -> Sequence[Task]:
    """`count` of the tasks, as evenly over their domains as can be, in their own order.

    The seed alone decides which. A larger subset holds every smaller one, so that a larger run extends what is known.

    Raises:
        UsageError: there are not as many.
    """
    if not 0 < count <= len(tasks):
        raise UsageError(f"a subset of {count} tasks cannot be drawn from {len(tasks)}")
    domains: dict[str, list[Task]] = {}
    for task in tasks:
        domains.setdefault(task.domain, []).append(task)
    turns: list[tuple[int, int, str]] = []  # in the n-th round each domain gives one task
    for place, (domain, members) in enumerate(domains.items()):
        rng = random.Random(f"{seed}/{domain}")  # noqa: S311 -- not for secrets; a text seeds the same everywhere
        drawn = rng.sample(members, len(members))
        turns += [(round, place, task.id) for round, task in enumerate(drawn)]
    wanted = {id for _, _, id in sorted(turns)[:count]}
    return [task for task in tasks if task.id in wanted]
