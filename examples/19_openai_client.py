"""OpenAI's own client against this service: chat, a response with the code interpreter, a file out of its container."""

import socket
from contextlib import nullcontext

import anyio
import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI
from openai.types.responses import ToolParam

from codeact.models.scripted import ScriptedModel
from codeact.server.house import House
from codeact.server.openai.router import router
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store

REPLIES = [
    *["I multiply.\n```python\n6 * 7\n```", "It is 42."],
    *["```python\nopen('table.csv', 'w').write('n,square\\n3,9\\n')\n```", "The squares are in table.csv."],
    *["```python\nprint(open('table.csv').read())\n```", "The square of 3 is 9."],
]
TOOLS: list[ToolParam] = [{"type": "code_interpreter", "container": {"type": "auto"}}]


async def talk(client: AsyncOpenAI) -> None:
    chat = await client.chat.completions.create(
        model="codeact+steps", messages=[{"role": "user", "content": "What is 6 times 7?"}], stream=True
    )
    async for chunk in chat:
        delta = chunk.choices[0].delta
        print((delta.model_extra or {}).get("reasoning_content") or delta.content or "", end="")
    first = await client.responses.create(model="codeact", input="Write a table of squares.", tools=TOOLS)
    print("\n", [item.type for item in first.output], first.output_text)
    texts = [part for item in first.output if item.type == "message" for part in item.content]
    for cited in [each for text in texts if text.type == "output_text" for each in text.annotations]:
        if cited.type == "container_file_citation":
            file = await client.containers.files.content.retrieve(cited.file_id, container_id=cited.container_id)
            print(cited.filename, file.content)
    then = "What is the square of 3?"
    second = await client.responses.create(model="codeact", input=then, tools=TOOLS, previous_response_id=first.id)
    print(second.output_text)


async def main() -> None:
    settings = HouseSettings(models={"scripted:demo": lambda: nullcontext(ScriptedModel(REPLIES))})
    async with open_store("sqlite::memory:") as store, House.open(store, settings) as house:
        app = FastAPI()
        app.include_router(router(house, owner=lambda: "me"), prefix="/v1")  # `codeact serve` asks for a token
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
            async with anyio.create_task_group() as tasks, AsyncOpenAI(base_url=address, api_key="any") as client:
                tasks.start_soon(server.serve, [listening])
                await talk(client)
                server.should_exit = True


anyio.run(main)
