"""What is to be run: tasks times formats times seeds, by one model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from codeact.actions import FORMATS
from codeact.errors import UsageError
from codeact.tasks import Task
from codeact.types import JSON

SCHEMA = 1  # of the results file
ORACLE, EXPERT = "oracle", "expert"  # one and the same, by the names that comparing and collecting have for it
EXPERTS = (ORACLE, EXPERT)  # what stands in the place of a model's name


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names one episode of a job. What has a result under its key is never run again."""

    task: str
    actions: str
    seed: int

    def __str__(self) -> str:
        return f"{self.task}/{self.actions}/{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job is the same one when all of this is the same; so it stands in the results file, with the tasks' names."""

    suite: str
    profile: str
    model: str
    tasks: Sequence[Task] = field(repr=False)
    actions: Sequence[str] = FORMATS
    seeds: Sequence[int] = (0,)
    options: Mapping[str, JSON] = field(
        default_factory=dict[str, Any]
    )  # of the suite: size, difficulty, the share taken
    settings: Mapping[str, JSON] = field(default_factory=dict[str, Any])  # what else changes results: temperature, …

    def __post_init__(self) -> None:
        unknown = [name for name in self.actions if name not in FORMATS]
        if unknown:
            raise UsageError(f"there is no action format {unknown[0]!r}; there are: {', '.join(FORMATS)}")
        for name in ("tasks", "actions", "seeds"):
            values = [task.id for task in self.tasks] if name == "tasks" else list(getattr(self, name))
            if not values:
                raise UsageError(f"a job without {name} has nothing to run")
            value, often = Counter(values).most_common(1)[0]
            if often > 1:
                raise UsageError(f"{value!r} is twice in the {name} of a job; results are kept by name")
        self._check_playable()

    def _check_playable(self) -> None:
        """Hours before an episode would find it out. Raises `UsageError`."""
        for rules in {id(task.rules): task.rules for task in self.tasks}.values():
            for name in self.actions:
                rules.space(name)
        for task in self.tasks if self.model in EXPERTS else ():
            if lacking := [name for name in self.actions if name not in task.oracles]:
                known = ", ".join(task.oracles) or "none"
                raise UsageError(
                    f"the task {task.id!r} has no {self.model} for {lacking[0]!r} actions; there are: {known}"
                )

    def __iter__(self) -> Iterator[tuple[Key, Task]]:
        """All episodes. Formats change fastest, so that a job that is stopped early compares them on the same tasks."""
        for seed in self.seeds:
            for task in self.tasks:
                for actions in self.actions:
                    yield Key(task.id, actions, seed), task

    def __len__(self) -> int:
        return len(self.seeds) * len(self.tasks) * len(self.actions)

    def header(self) -> dict[str, JSON]:
        """What the results file says of the job."""
        plain = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "tasks"}
        listed = {name: list(plain[name]) for name in ("actions", "seeds")}
        header = {"schema": SCHEMA, **plain, **listed, "tasks": [task.id for task in self.tasks]}
        return json.loads(json.dumps(header))  # as it is read back: a tuple among the options has become a list
