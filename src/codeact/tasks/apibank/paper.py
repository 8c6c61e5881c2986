"""The tasks as the original scores them: a call that follows a call twice, each on unchanged databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial

from codeact.actions import FORMATS
from codeact.actions.base import ActionSpace
from codeact.tasks.apibank.catalogue import PUBLISHED
from codeact.tasks.apibank.desk import Known, NextCall, desk_of
from codeact.tasks.apibank.dialogues import ApiBank, Called, Dialogue
from codeact.tasks.apibank.paper_readers import Reader
from codeact.tasks.apibank.paper_space import PaperSpace, taken_as_published
from codeact.tasks.apibank.talk import published_messages
from codeact.tasks.apibank.world import World, recordings
from codeact.tasks.base import Environment, Rules, Task
from codeact.types import JSON, Message, ToolCall, ToolCalls

Opened = Callable[[Sequence[str], str], AbstractAsyncContextManager[Environment]]
"""Opens the desk of these APIs for an episode in a format."""


def tasks(readers: Mapping[str, Reader], bank: ApiBank) -> Sequence[Task]:
    rules = Rules(turns=1, unreadable_turns=True, remarks=False, reply_tokens=512, space=partial(_space, readers))
    opened = partial(_open, bank, recordings(bank.dialogues))
    return [task for dialogue in bank.dialogues for task in _of_dialogue(dialogue, opened, rules)]


def _space(readers: Mapping[str, Reader], format: str) -> ActionSpace:
    return PaperSpace(name=format, reader=readers[format])


def _of_dialogue(dialogue: Dialogue, opened: Opened, rules: Rules) -> Iterator[Task]:
    for number, (place, call) in enumerate(dialogue.calls):
        task = _task(dialogue, place, call, opened, rules)
        labels: dict[str, JSON] = {"api": call.api, "level": dialogue.level, "calls_before": number}
        yield replace(task, labels=labels)
        if place and isinstance(dialogue.turns[place - 1], Called):
            yield replace(task, id=f"{task.id}-again", labels={**labels, "again": True})


def _task(dialogue: Dialogue, place: int, call: Called, opened: Opened, rules: Rules) -> Task:
    *_, last = published_messages(dialogue, place, "code")
    truth = ToolCalls((ToolCall(call.api, (), _with_real_lists(call)),))
    return Task(
        id=f"{dialogue.name}/{place}",
        domain=PUBLISHED[call.api].domain,
        prompt=last.text,  # never a call, so the same in all formats
        earlier=partial(_earlier, dialogue, place),
        open=partial(opened, dialogue.apis),
        judge=NextCall(call, PUBLISHED[call.api].checker),
        oracles=dict.fromkeys(FORMATS, Known(truth)),
        rules=rules,
    )


def _earlier(dialogue: Dialogue, place: int, space: ActionSpace) -> Sequence[Message]:
    return published_messages(dialogue, place, space.name)[:-1]


def _open(
    bank: ApiBank, recorded: Mapping[str, list[Called]], apis: Sequence[str], actions: str
) -> AbstractAsyncContextManager[Environment]:
    world = World(databases=bank.databases, recorded=recorded, on_net=False)
    return desk_of(world, [PUBLISHED[name] for name in apis], taken_as_published)


def _with_real_lists(call: Called) -> dict[str, JSON]:
    """Every argument as a text, as the data set has them, but for lists: so the original's ceilings are measured."""
    return {
        name: call.arguments[name] if isinstance(call.arguments[name], list) else text
        for name, text in call.texts.items()
    }
