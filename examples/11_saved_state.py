"""Variables that outlive their session: saved as bytes by one box, loaded by another, a day or a machine later."""

import tempfile

import anyio

from codeact.sandbox import load_state, save_state
from codeact.sandbox.local import LocalSandbox

MONDAY = """
import threading
import pandas as pd
sales = pd.DataFrame({"city": ["Oslo", "Rome", "Oslo"], "euros": [120.0, 80.0, 40.0]})
def total(city):
    return float(sales.loc[sales.city == city, "euros"].sum())
lock = threading.Lock()
"""


async def main(file: anyio.Path) -> None:
    async with LocalSandbox() as boxes:
        async with boxes.open() as monday:
            await monday.run(MONDAY)
            saved = await save_state(monday)
            await file.write_bytes(saved.data)  # never unpickled out here, only in a box
        print("saved:", ", ".join(saved.names))
        for name, reason in saved.skipped.items():
            print(f"left out: {name} ({reason})")

        async with boxes.open() as tuesday:
            loaded = await load_state(tuesday, await file.read_bytes())
            print("loaded:", ", ".join(loaded.names))
            await tuesday.run("sales.loc[len(sales)] = ['Oslo', 5.0]")
            print("Oslo:", (await tuesday.run("total('Oslo')")).value)  # the function sees the table of its new home


with tempfile.TemporaryDirectory() as folder:
    anyio.run(main, anyio.Path(folder, "monday.state"))
