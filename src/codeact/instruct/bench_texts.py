"""What models are measured on: the suites of the bench, as texts that nothing trained on may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import cast

from codeact.actions import action_space
from codeact.errors import UsageError
from codeact.instruct.lines import read_lines
from codeact.tasks import Profile, Suite, Task, suite
from codeact.trajectory.encoding import from_line
from codeact.types import JSON

BENCH = (
    "m3tooleval",
    "m3gen",
    "apibank",
    "mint",
    "scienceworld",
    "miniwob",
    "gsm8k",
    "humaneval",
)  # rows that were played on them never pass
DATALESS = ("m3tooleval", "m3gen")  # of those, what can be read here without data of a publisher's
FIELDS = ("prompt", "question", "text", "task.prompt")  # where a line of somebody's set has its task, unless told


@dataclass(frozen=True, slots=True)
class BenchText:
    """One task that is measured on."""

    bench: str
    task: str
    text: str


def texts_of_suite(name: str, data: Path | None = None) -> Iterator[BenchText]:
    """The tasks of a suite, in all its profiles that need no more than `data`.

    Raises:
        UsageError: no such suite, or its data are missing or of another set.
    """
    found = suite(name)
    for profile in _within_reach(found, data):
        needs = "data" in signature(profile.tasks).parameters
        for task in found.tasks(profile.name, **({"data": str(data)} if needs and data is not None else {})):
            yield BenchText(name, f"{profile.name}/{task.id}", text_of_task(task))


def _within_reach(found: Suite, data: Path | None) -> Sequence[Profile]:
    known = [  # `original` is a checkout of the same 82 tasks
        profile for profile in found.profiles if (found.name, profile.name) != ("m3tooleval", "original")
    ]
    needing = [profile for profile in known if "data" in signature(profile.tasks).parameters]
    if data is not None and not needing:
        raise UsageError(f"{found.name} needs no data; give its name alone")
    alone = [profile for profile in known if profile not in needing]
    return known if data is not None else alone or needing  # these say what data they need


def text_of_task(task: Task) -> str:
    """What its user says: the prompt, after what was said before it."""
    earlier = [message.text for message in task.earlier(action_space("code")) if message.role == "user"]
    return "\n".join([*earlier, task.prompt])


def texts_of_file(path: Path, field: str | None = None) -> Iterator[BenchText]:
    """The tasks of any set of JSON lines. `field` is where a line has its task, as in `task.prompt`.

    Raises:
        UsageError: the file cannot be read, or a line has no such field; names the line.
    """
    for number, line in read_lines(path):
        try:
            record = from_line(line)
        except ValueError as error:
            raise UsageError(f"{str(path)!r}, line {number}: {error}") from error
        wanted = (field,) if field else FIELDS
        text = next((text for name in wanted if (text := _at(record, name))), None)
        if text is None:
            raise UsageError(
                f"{str(path)!r}, line {number}: no text at {' or '.join(map(repr, wanted))}; "
                "name the field that holds the task, as in FILE:question"
            )
        yield BenchText(path.name, f"line {number}", text)


def _at(record: JSON, path: str) -> str | None:
    found: JSON = record
    for name in path.split("."):
        found = cast("Mapping[str, JSON]", found).get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found.strip() else None
