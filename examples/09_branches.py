"""Branches of a live interpreter: best of several attempts from one state, and undo after a bad action."""

import anyio

from codeact.sandbox import Session, sandbox

PREPARE = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.uniform(0, 10, 200)
y = 3 * np.sin(x) + 0.5 * x + rng.normal(0, 0.3, 200)
"""
ATTEMPTS = [  # what a model might have proposed; all start from the same loaded data
    "fit = np.polynomial.Polynomial.fit(x, y, 1)",
    "fit = np.polynomial.Polynomial.fit(x, y, 3)",
    "fit = np.polynomial.Polynomial.fit(x, y, 9)",
    "fit = np.polynomial.Polynomial.fit(x, y)",  # an error: the degree is missing
]


async def attempt(session: Session, code: str, scores: dict[str, float]) -> None:
    """Try one proposal in a branch: a copy of the variables and the files, which the others do not see."""
    async with await session.fork() as branch:
        result = await branch.run(f"{code}\nfloat(np.sqrt(np.mean((fit(x) - y) ** 2)))")
        if result.error is None:
            scores[code] = float(result.value or "nan")


async def main() -> None:
    async with sandbox("local").open() as session:
        await session.run(PREPARE)
        scores: dict[str, float] = {}
        async with anyio.create_task_group() as tasks:
            for code in ATTEMPTS:
                tasks.start_soon(attempt, session, code, scores)
        best = min(scores, key=scores.__getitem__)
        print(f"best of {len(ATTEMPTS)}: {best}")

        before = await session.checkpoint()
        await session.run("x = x[:0]; open('notes.txt', 'w').write('oops')")  # a bad action
        await session.restore(before)
        print("undone:", (await session.run("x.shape")).value, [file.path for file in await session.files()])

        result = await session.run("import os; os._exit(1)")  # the interpreter dies
        print("after a crash:", result.state, (await session.run("x.shape")).value)


anyio.run(main)
