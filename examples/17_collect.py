"""Self-improvement without a teacher: what has failed is taken up again from a fork of the turn where it went wrong."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from codeact.instruct import collect, costs_of, repairs_of
from codeact.models import ScriptedModel
from codeact.rollouts import Job, read_results
from codeact.tasks import Expected, Task, workbench
from codeact.types import Completion, Message


def readings() -> list[int]:
    """The readings of the meter."""
    return [3, 9, 27]


TASK = Task(
    id="mean",
    domain="meters",
    prompt="What is the mean of the readings?",
    open=workbench(lambda actions: [readings]),
    judge=Expected(13.0),
)
SAID = (
    "I read the meter first.\n\n```python\nread = readings()\n```",
    "```python\nmean = sum(red) / len(red)\n```",
)


class Student:
    """Stands in for a model: it errs and guesses; with another seed it looks at its error and mends it."""

    name = "student"

    async def complete(self, messages: Sequence[Message], *, seed: int | None = None, **options: object) -> Completion:
        turn = sum(message.role == "assistant" for message in messages)
        end = "Then it is 10." if seed == 0 else "```python\nfinal_answer(sum(read) / len(read))\n```"
        return await ScriptedModel([[*SAID, end][turn]]).complete(messages)


async def main() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "meters.jsonl")
        job = Job(suite="meters", profile="own", model="student", tasks=[TASK], actions=["code"])
        await collect(job, path, Student(), repair=2)
        [failed], [repaired] = read_results(path).judged, read_results(repairs_of(path)).judged
        about = repaired.labels["repaired"]
        print("solved:", failed.correct, "| repaired:", repaired.correct)
        print("steps shared:", about["step"], "|", about["state"], "| tokens spent:", repaired.spent.tokens)
        costs = costs_of(read_results(path), read_results(repairs_of(path)))
        print("kept:", costs.all.kept, "| tokens in all:", costs.all.tokens)


anyio.run(main)
