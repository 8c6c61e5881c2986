"""Tools of an MCP server, called from code like any function; the server is a process of its own."""

import sys
from pathlib import Path

import anyio

from codeact import Agent, mcp_tools
from codeact.models.scripted import ScriptedModel

SERVER = [sys.executable, str(Path(__file__).parent / "servers" / "weather.py")]
REPLIES = [
    "```python\ncities = ['Oslo', 'Cairo', 'Lima']\nwarmest = max(cities, key=lambda city: temperature(city=city))\n"
    "final_answer(f'{warmest}, {temperature(city=warmest)} degrees')\n```"
]


async def main() -> None:
    async with mcp_tools(SERVER) as weather:
        for spec in weather.specs:
            print(f"{spec.name}{spec.signature}: {spec.doc}")
        result = await Agent(ScriptedModel(REPLIES), tools=[weather]).run("Which city is the warmest?")
        print(result.answer)


anyio.run(main)
