"""The chat service and its client: a chat over HTTP, a branch, events. Needs the extra `server`."""

from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import uvicorn

from codeact.models.scripted import open_scripted
from codeact.server.client import connect
from codeact.server.house import House
from codeact.server.http.app import app
from codeact.server.http.credentials import digest, new_token
from codeact.server.listening import listen, url_of
from codeact.server.quiet import QuietServer
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store

SCRIPT = """```python
prices = [3, 4, 5]
print(sum(prices))
```
---
Together they cost 12.
---
Only two: they cost 7."""


async def talk(url: str, token: str) -> None:
    async with connect(url, token=token) as client:
        chat = await client.create("Prices")
        run = await chat.ask("What do they cost together?")
        print("answer:", run.answer)
        print("variables:", [f"{each.name} = {each.preview}" for each in await chat.variables()])
        other = await chat.edit(run.id, "And the first two?")
        print("instead:", (await chat.ended(other.id)).answer)
        print("tree:", [(each.text, each.parent) for each in await chat.runs()])
        async with chat.events(after=1) as events:  # from any number on, over any number of connections
            print("an event:", (await anext(events)).event["kind"])


async def main(folder: str) -> None:
    settings = HouseSettings(models={"scripted": lambda: open_scripted(f"{folder}/script.txt")})
    with listen("127.0.0.1", 0) as listening:
        async with open_store(f"sqlite:{folder}/chats.db") as store, House.open(store, settings) as house:
            token, started = new_token(), anyio.Event()
            service = app(house, tokens={digest(token): "me"})
            server = QuietServer(uvicorn.Config(service, log_level="warning"), started.set)
            async with anyio.create_task_group() as group:
                group.start_soon(server.serve, [listening])
                await started.wait()
                await talk(url_of(listening), token)
                server.should_exit = True


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        Path(folder, "script.txt").write_text(SCRIPT, encoding="utf-8")
        anyio.run(main, folder)
