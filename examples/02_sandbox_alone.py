"""The sandbox by itself: a stateful, confined IPython, without any model."""

import anyio

from codeact import sandbox
from codeact.events import Event, OutputChunk


def show(event: Event) -> None:
    if isinstance(event, OutputChunk):
        print(event.text, end="", flush=True)


async def main() -> None:
    async with sandbox.sandbox("local").open() as session:
        await session.run("import pandas as pd; df = pd.DataFrame({'x': range(5)})")
        result = await session.run("df.x.tolist()")  # the last expression is the value
        print("value:", result.value)

        await session.run("for i in range(3): print('line', i)", emit=show)  # output as it is produced

        result = await session.run("while True: pass", time_limit=0.5)
        print("stopped:", result.error.kind if result.error else None, "| variables are", result.state)

        result = await session.run("import urllib.request; urllib.request.urlopen('http://example.com')")
        print("network:", result.error.name if result.error else "open?!")

        result = await session.run("import matplotlib.pyplot as plt; plt.plot([1, 4, 9])")
        print("figure:", result.displays[0].name, len(await session.get(result.displays[0].name or "")) > 1000)


anyio.run(main)
