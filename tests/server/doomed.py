"""A house that is going to be killed: `python doomed.py STORE` says a line of JSON in the middle of an action."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext

import anyio

from codeact.models.scripted import ScriptedModel
from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store

REPLIES = (
    "```python\nx = 41\nopen('kept.txt', 'w').write('kept')\n```",
    "```python\nx += 1\nimport subprocess\nsubprocess.Popen(['sleep', '600'])\n"
    "print('on', flush=True)\nimport time; time.sleep(600)\n```",
)


async def main(address: str) -> None:
    models = {"scripted:doomed": lambda: nullcontext(ScriptedModel(REPLIES))}
    async with (
        open_store(address) as store,
        LocalSandbox(preload=(), spares=0) as place,  # starts sooner
        House.open(store, HouseSettings(models=models, sandbox=place, lease=3600)) as house,
    ):
        chat = await house.new_chat("anne")
        room = await house.room(chat.id, owner="anne")
        run = await room.send("Count")
        async with room.telling.listen() as told:
            async for one in told:
                if one.event["kind"] == "output_chunk":
                    sys.stdout.write(
                        json.dumps({"chat": chat.id, "run": run.id, "replica": house.shared.replica}) + "\n"
                    )
                    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
