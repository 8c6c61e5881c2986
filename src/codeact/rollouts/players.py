"""Who plays the episodes of a job, by name: a model, or what stands in for one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from codeact.actions.base import ActionSpace
from codeact.errors import UsageError
from codeact.models import Model, ScriptedModel, open_model
from codeact.models.scripted import read_script
from codeact.rollouts.episode import Driver
from codeact.rollouts.job import EXPERTS, ORACLE
from codeact.rollouts.oracles import oracle
from codeact.tasks import Task
from codeact.types import ToolSpec


@asynccontextmanager
async def open_player(name: str, **options: Any) -> AsyncGenerator[Model | Driver]:
    """What `run_job` takes: `oracle` (or `expert`), or a model by its name, with the options of `open_model`.

    A script is read from its start in each episode.

    Raises:
        UsageError: no such model, or one that cannot play many episodes; also as `open_model` does.
    """
    provider, _, rest = name.partition(":")
    if provider in (*EXPERTS, "scripted") and options:
        raise UsageError(f"{name!r} takes no options, but was given {', '.join(options)}")
    if name in EXPERTS:
        yield oracle if name == ORACLE else partial(oracle, name=name)
    elif provider == "scripted":
        replies = read_script(Path(rest))

        def scripted(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
            return ScriptedModel(replies, name=name)

        yield scripted
    elif provider == "replay":
        raise UsageError(f"{name!r} repeats one recorded run and cannot play other tasks; see `codeact replay`")
    else:
        async with open_model(name, **options) as model:
            yield model
