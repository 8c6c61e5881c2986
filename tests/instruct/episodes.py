"""Episodes to select from: real ones, played in code, and candidates made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codeact.actions.base import ActionSpace
from codeact.instruct.candidate import Candidate, Kind, Turn
from codeact.instruct.row import Row, RowMessage
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Job, run_job
from codeact.sandbox.base import Sandbox
from codeact.tasks import Expected, Rules, Task, workbench
from codeact.types import JSON, ToolSpec

MENDED = (  # a reply that is no action, an error, its mending, an answer that is sent back, the answer
    "```python\n```",
    "I look first.\n\n```python\nprint(totl)\n```",
    "A slip.\n\n```python\ntotal = 6 * 7\nprint('Error: none')\n```",
    "```python\nfinal_answer(41)\n```",
    "```python\nfinal_answer(total)\n```",
)
STRAIGHT = ("I reckon.\n\n```python\nprint(6)\n```", "```python\nprint(6 * 7)\n```", "42")


def task(name: str = "product", **labels: JSON) -> Task:
    return Task(
        id=name,
        domain="sums",
        prompt=f"What is six times seven, {name}?",
        open=workbench(lambda actions: []),
        judge=Expected(42),
        rules=Rules(turns=8, attempts=2),
        labels={"source": "own sums", "licence": "own", **labels},
    )


async def played(
    path: Path, replies: Sequence[str], sandbox: Sandbox, *, model: str = "local:small", tasks: Sequence[Task] = ()
) -> Path:
    """The results file of a job in code in which the model says these replies."""

    def player(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
        return ScriptedModel(list(replies))

    job = Job(suite="sums", profile="plain", model=model, tasks=tasks or [task()], actions=("code",))
    await run_job(job, path, player, sandbox=sandbox)
    return path


def row(name: str = "r", *said: str, **facts: JSON) -> Row:
    """A row of a short talk."""
    replies = said or ("I look.", "It is 42.")
    talk = [
        message
        for reply in replies
        for message in (RowMessage("user", "Observation:\n1"), RowMessage("assistant", reply))
    ]
    given = Row(
        id=name,
        messages=(RowMessage("system", "Act by writing Python."), RowMessage("user", f"What, {name}?"), *talk[1:]),
        turns=len(replies),
        success=True,
        domain="sums",
        task=f"sums/{name}",
        source="own sums",
        licence="own",
        model="local:small",
        origin={"suite": "sums"},
    )
    return replace(given, **facts)


def candidate(name: str = "r", *kinds: Kind | Turn, asked: str = "What?", **facts: JSON) -> Candidate:
    """A candidate with turns of these kinds; the default is two clean steps and an answer."""
    turns = [
        Turn(message=2 + 2 * index, kind=turn) if isinstance(turn, str) else replace(turn, message=2 + 2 * index)
        for index, turn in enumerate(kinds or ("action", "action", "answer"))
    ]
    said = facts.pop("said", None) or [f"turn {index} of it" for index in range(len(turns))]
    return Candidate(
        row=row(name, *said, **facts),
        turns=tuple(turns),
        asked=asked,
        format="code",
        unreadable=sum(turn.kind == "unreadable" for turn in turns),
    )


def mint_line(*talk: str, success: bool = True, task_id: int = 7, prompt: str = "What is six times seven?") -> str:
    """A line in the form of MINT's outputs; the first of the talk is the assistant's."""
    tags = 'Your thoughts should be enclosed using "<thought>" tag, for example: <thought> I print "Hi!" </thought>.'
    rules = f"You help. {tags}\n\nYou have 5 chances."
    first = (
        f"{rules}\n\n\n\n---\n\nTask:\nAn example\n\nAssistant:\n<execute> 1 </execute>\n\n\n---\n\nTask:\n{prompt}\n"
    )
    roles = ["assistant", "user"] * len(talk)
    history = [{"role": "user", "content": first}]
    history += [{"role": role, "content": text} for role, text in zip(roles, talk, strict=False)]
    counts = {"propose_solution": 1, "use_tool": 1, "invalid_action": 0}
    state = {"history": history, "success": success, "agent_action_count": counts, "terminate_reason": "task_success"}
    task = {"task_name": "reasoning", "task_id": task_id, "prompt": prompt, "reference": "42", "metadata": {}}
    return json.dumps({"state": {**state, "finished": True}, "task": task}) + "\n"
