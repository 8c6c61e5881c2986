"""The repaired tasks: each call once, in the world as the calls before it left it, in this package's own formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from codeact.actions import FORMATS
from codeact.tasks.apibank.catalogue import APIS
from codeact.tasks.apibank.desk import Known, NextCall, desk_of, run_truth, taken
from codeact.tasks.apibank.dialogues import ApiBank, Called, Dialogue
from codeact.tasks.apibank.talk import action_of, earlier_messages
from codeact.tasks.apibank.world import World, recordings
from codeact.tasks.base import Environment, Rules, Task
from codeact.types import JSON

NEXT = (
    "Now make the one tool call that comes next in this talk. Call the tool; do not answer in words. The year is 2023."
)

RULES = Rules(turns=1, remarks=False, reply_tokens=512)


def tasks(bank: ApiBank) -> Sequence[Task]:
    recorded = recordings(bank.dialogues)
    return [task for dialogue in bank.dialogues for task in _of_dialogue(bank, recorded, dialogue)]


def _of_dialogue(bank: ApiBank, recorded: Mapping[str, list[Called]], dialogue: Dialogue) -> Iterator[Task]:
    """A call is impossible where the ground truth itself, made in the right state, does not give what was recorded."""
    world = World(databases=bank.databases, recorded=recorded)
    for number, (place, call) in enumerate(dialogue.calls):
        labels: dict[str, JSON] = {"api": call.api, "level": dialogue.level, "calls_before": number}
        if problem := run_truth(world, APIS, call):
            labels["impossible"] = problem
        yield Task(
            id=f"{dialogue.name}/{place}",
            domain=APIS[call.api].domain,
            prompt=NEXT,
            earlier=partial(earlier_messages, dialogue, place),
            open=partial(_open, bank, recorded, dialogue, number),
            judge=NextCall(call, APIS[call.api].checker),
            oracles={format: Known(action_of(call, format)) for format in FORMATS},
            rules=RULES,
            labels=labels,
        )


def _open(
    bank: ApiBank, recorded: Mapping[str, list[Called]], dialogue: Dialogue, number: int, actions: str
) -> AbstractAsyncContextManager[Environment]:
    world = World(databases=bank.databases, recorded=recorded)
    for _, call in dialogue.calls[:number]:
        run_truth(world, APIS, call)
    return desk_of(world, [APIS[name] for name in dialogue.apis], taken)
