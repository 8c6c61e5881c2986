"""The original's own tasks, from a checkout of its repository: its prompts, tools, data and checker, in our loop and box.

Nothing of it is imported here. Each episode has a process that has imported the checkout; its tools are called there, and
its checker is asked there (`original_child`).
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from codeact.errors import UsageError
from codeact.sandbox.isolation import IsolationWarning
from codeact.tasks.base import Environment, Judge, Task, Verdict
from codeact.tasks.files import note
from codeact.tasks.m3tooleval.original_process import OriginalProcess, checkout_in, original_process
from codeact.tasks.m3tooleval.paper_rules import PAPER_RULES
from codeact.tasks.m3tooleval.paper_space import PaperSpace
from codeact.tools.calling import in_thread
from codeact.types import JSON, Answer, ToolSpec


def original_tasks(known: Callable[[], Mapping[str, Task]], /, *, data: JSON = None) -> Sequence[Task]:
    """All that the checkout registers, in its order. Of those that are `known`, oracles and labels are taken from there.

    Raises:
        UsageError: no `data`, or not a checkout of that repository.
        SetupError: its modules cannot be imported here.
    """
    if data is None:
        raise UsageError("the profile original needs data: the path of a checkout of xingyaoww/code-act (--data PATH)")
    checkout = checkout_in(data)
    for kind in ("*.py", "*.json", "*.jsonl"):  # modules, and the data that they read
        for file in checkout.rglob(kind):
            note(file)
    with original_process(checkout) as process:
        described = process.tasks()
        if process.unconfined:
            warnings.warn(_unconfined(process.unconfined), IsolationWarning, stacklevel=2)
    ours = known()
    return [_task(checkout, one, ours.get(one["name"])) for one in described]


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalTool:
    """A tool of the checkout. It takes what it is given: what fits is for the original's function to say."""

    process: OriginalProcess
    task: str
    spec: ToolSpec

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Raises `ToolError`; see `OriginalProcess.call`."""
        notation, text = await in_thread(partial(self.process.call, self.task, self.spec.name, args, kwargs))
        try:
            return ast.literal_eval(notation)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What an episode has of the original: tools and a checker, in a process of its own."""

    process: OriginalProcess
    tools: Sequence[OriginalTool]
    succeeded: bool | None = None


def _task(checkout: Path, described: Mapping[str, JSON], ours: Task | None) -> Task:
    name, openings = str(described["name"]), dict(described["openings"])

    def opening(format: str, prompt: str, tools: Sequence[ToolSpec]) -> str:
        return openings[format]

    return Task(
        id=name,
        domain=name.partition("/")[0],
        prompt=str(described["instruction"]),
        open=_opened(checkout, name, list(described["tools"])),
        judge=_checker(name),
        oracles=ours.oracles if ours else {},
        labels=ours.labels if ours else {},
        rules=replace(PAPER_RULES, space=PaperSpace, opening=opening),
    )


def _opened(
    checkout: Path, task: str, described: Sequence[Mapping[str, JSON]]
) -> Callable[[str], AbstractAsyncContextManager[Environment]]:
    @asynccontextmanager
    async def open_world(actions: str) -> AsyncGenerator[Environment]:
        # Where a tool is a builtin, as `max` is, the builtin is what code has under that name anyway.
        offered = [tool for tool in described if not (actions == "code" and tool["builtin"])]
        with original_process(checkout) as process:
            await in_thread(process.start)
            yield World(
                process=process, tools=[OriginalTool(process=process, task=task, spec=_spec(tool)) for tool in offered]
            )

    return open_world


def _spec(tool: Mapping[str, JSON]) -> ToolSpec:
    """What is documented need not be what the function takes (one signature leaves a parameter out), so nothing is
    checked before the call.
    """
    gives_text = str(tool["signature"]).endswith("-> str")
    return ToolSpec(
        name=str(tool["name"]),
        signature=f"(*args, **kwargs){' -> str' if gives_text else ''}",
        doc=f"{tool['signature']}\n\n{tool['doc']}",
        schema={"type": "object", "properties": {}, "required": []},
    )


def _checker(task: str) -> Judge:
    def by_the_original(answer: Answer | None, environment: Environment) -> Verdict:
        if answer is None:
            return Verdict(False, "no answer")
        assert isinstance(environment, World)  # what `open` gave
        correct = environment.process.accepts(task, answer.text.strip())
        return Verdict(correct, "" if correct else f"the original's checker does not accept {answer.text!r}")

    return by_the_original


def _unconfined(why: str) -> str:
    return (
        f"the original's tools run unconfined on this host ({why}): its calculators evaluate whatever a model writes, with "
        "your rights; remedy: a kernel with Landlock, or a container or machine of its own"
    )
