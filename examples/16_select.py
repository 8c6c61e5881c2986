"""From episodes to training data: played by scripts, selected by filters, written as a data set."""

from pathlib import Path

import anyio

from codeact.instruct import Export, Selection, export, pipeline, read_rows, select
from codeact.models import ScriptedModel
from codeact.rollouts import Job, run_job
from codeact.tasks import Expected, Task, workbench

TASKS = [
    Task(
        id=f"root-{number}",
        domain="sums",
        prompt=f"What is the square root of {number * number}?",
        open=workbench(lambda actions: []),
        judge=Expected(number),
        labels={"source": "own", "licence": "own"},
    )
    for number in (3, 12)
]
REPLIES = {
    "root-3": ["I know that one.\n\n```python\nfinal_answer(3)\n```"],
    "root-12": [
        "```python\nprint(sqrt(144))\n```",  # a NameError
        "I forgot to import it.\n\n```python\nfrom math import sqrt\nprint(sqrt(144))\n```",
        "```python\nfinal_answer(12)\n```",
    ],
}


async def main() -> None:
    job = Job(suite="roots", profile="plain", model="local:student", tasks=TASKS, actions=("code",))
    await run_job(job, Path("results.jsonl"), lambda task, space, tools: ScriptedModel(REPLIES[task.id]))

    selection = Selection(files=[Path("results.jsonl")], pipeline=pipeline("ours", {"fixed": "on"}))
    print(select(selection, Path("rows.jsonl")), "row")
    for stage in selection.funnel.stages:
        if stage.dropped:
            print(f"{stage.name}: {stage.dropped} dropped, because {stage.reason}")
    row = next(read_rows(Path("rows.jsonl")))
    print(row.task, row.turns, row.licence, [message.role for message in row.messages])

    done = export(Export(rows=Path("rows.jsonl"), folder=Path("dataset"), to="paper", validation=0))
    print(done.files["train"], done.card, f"{done.numbers.all.rows} row")


anyio.run(main)
