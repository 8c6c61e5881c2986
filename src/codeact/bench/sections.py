"""Results sorted into what may be compared: a section for each suite, profile and set of options, models within it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from codeact.errors import UsageError
from codeact.rollouts import Key, Loss, Results, Rollout
from codeact.rollouts.job import SCHEMA
from codeact.rollouts.taxonomy import Failure, episode_failure, step_failures
from codeact.types import JSON, Outcome, Usage

_FIELDS = ("suite", "profile", "model", "options", "tasks", "seeds", "actions")  # of the job that a report needs
SHARE = "subset"  # the option that says which share of a suite's tasks a job takes
_NO_OUTCOME = Outcome(status="cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a report needs of an episode."""

    key: Key
    domain: str
    calls: int | None  # how many the task needs, where its suite says so
    correct: bool
    failure: Failure | None  # None when correct
    steps: Sequence[Failure | None]  # a failure or none, for each of its turns
    usage: Usage
    time: float  # seconds
    reason: str  # the judge's, for people; may quote the model

    @property
    def turns(self) -> int:
        """Replies of the model, as the paper counts them: unreadable ones and the answer too."""
        return len(self.steps)


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """One model in a section: what was to be run, and what was."""

    model: str
    settings: Mapping[str, JSON] = field(default_factory=dict[str, Any])  # temperature, …
    share: Mapping[str, JSON] = field(default_factory=dict[str, Any])  # of the suite's tasks; empty for all of them
    formats: Sequence[str]
    tasks: Sequence[str]
    seeds: Sequence[int]
    episodes: Mapping[Key, Measured]  # the judged ones
    broken: Mapping[Key, str]  # the machinery's error
    lost: Loss = field(default_factory=Loss)  # by tries that broke; in no other number

    @property
    def planned(self) -> int:
        return len(self.formats) * len(self.tasks) * len(self.seeds)

    @cached_property
    def common(self) -> Sequence[tuple[str, int]]:
        """The tasks and seeds that have been judged in every format: all that a comparison may use."""
        return [
            (task, seed)
            for task in self.tasks
            for seed in self.seeds
            if all(Key(task, actions, seed) in self.episodes for actions in self.formats)
        ]

    def compared(self, actions: str) -> list[Measured]:
        """The episodes of a format over the common tasks."""
        return [self.episodes[Key(task, actions, seed)] for task, seed in self.common]

    def judged(self, actions: str) -> int:
        return sum(key.actions == actions for key in self.episodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    suite: str
    profile: str
    options: Mapping[str, JSON] = field(default_factory=dict[str, Any])
    entrants: Sequence[Entrant]


def sections_of(results: Sequence[Results]) -> list[Section]:
    """Sorted as they come. Files of one model are put together where they hold different formats of the same job.

    Raises:
        UsageError: results of another schema, or two files of one model that differ in more than their formats.
    """
    groups = dict[tuple[str, str, str], dict[str, list[Results]]]()
    for result in results:
        job = result.job
        if job.get("schema") != SCHEMA:
            raise UsageError(f"results in schema {job.get('schema')!r}; this codeact reads schema {SCHEMA}")
        if missing := next((name for name in _FIELDS if name not in job), None):
            raise UsageError(f"results of a job that does not say its {missing}")
        options = {name: value for name, value in job["options"].items() if name != SHARE}
        place = (str(job["suite"]), str(job["profile"]), json.dumps(options, sort_keys=True))
        groups.setdefault(place, {}).setdefault(str(job["model"]), []).append(result)
    return [
        Section(
            suite=suite,
            profile=profile,
            options=json.loads(options),
            entrants=[_entrant(model, files) for model, files in models.items()],
        )
        for (suite, profile, options), models in groups.items()
    ]


def _entrant(model: str, files: Sequence[Results]) -> Entrant:
    first, formats = files[0].job, list[str]()
    for file in files:
        for name in ("tasks", "seeds", "settings"):
            if file.job.get(name) != first.get(name):
                raise UsageError(
                    f"two results files of {model!r} on {first['suite']!r} differ in their {name}; "
                    "results of different jobs are never mixed, so report them apart"
                )
        if both := next((actions for actions in file.job["actions"] if actions in formats), None):
            raise UsageError(f"two results files of {model!r} on {first['suite']!r} hold {both!r}; give one of them")
        formats += file.job["actions"]
    return Entrant(
        model=model,
        settings=first.get("settings", {}),
        share=first["options"].get(SHARE, {}),
        formats=formats,
        tasks=first["tasks"],
        seeds=first["seeds"],
        episodes={rollout.key: measured(rollout) for file in files for rollout in file.judged},
        broken={rollout.key: rollout.error for file in files for rollout in file.broken},
        lost=sum((file.lost for file in files), Loss()),
    )


def measured(rollout: Rollout) -> Measured:
    """What a report needs of a judged episode."""
    trajectory, verdict = rollout.trajectory, rollout.verdict
    assert trajectory is not None
    assert verdict is not None
    outcome = trajectory.outcome or _NO_OUTCOME
    calls = rollout.labels.get("calls")
    return Measured(
        key=rollout.key,
        domain=str(rollout.labels.get("domain", "")),
        calls=calls if isinstance(calls, int) else None,
        correct=verdict.correct,
        failure=episode_failure(trajectory, verdict),
        steps=step_failures(trajectory, verdict),
        usage=outcome.usage,
        time=outcome.duration,
        reason=verdict.reason,
    )
