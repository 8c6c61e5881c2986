"""A small real MCP server: `python mcp_server.py stdio`, or `http`, which prints the port it listens on.

`slow-start SECONDS` waits before it speaks; `crash` complains and ends.
"""

import os
import socket
import sys
import time
from typing import Literal

import anyio
import uvicorn
from mcp.server.mcpserver import Image, MCPServer
from mcp_types import TextContent, ToolAnnotations
from pydantic import BaseModel, Field

server = MCPServer("test", log_level="ERROR")


class Order(BaseModel):
    id: int
    lines: list[str] = Field(default=[], description="what is ordered")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@server.tool(name="place-order", annotations=ToolAnnotations(destructive_hint=True))
def place_order(order: Order, mode: Literal["fast", "slow"] = "fast", note: str | None = None) -> Order:
    """Place an order."""
    return Order(id=order.id + 1, lines=[*order.lines, mode, str(note)])


@server.tool(name="list")
def list_(count: int) -> list[float]:
    return [1.5] * count


@server.tool()
def say(text: str) -> list[TextContent]:
    """Two pieces of text."""
    return [TextContent(type="text", text=text), TextContent(type="text", text="done")]


@server.tool()
def draw() -> Image:
    return Image(data=b"\x89PNG picture", format="png")


@server.tool()
def fail(reason: str) -> str:
    raise ValueError(reason)


@server.tool()
async def wait(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "waited"


@server.tool()
def environment(name: str) -> str:
    return os.environ.get(name, "not set")


@server.tool()
def die() -> str:
    os._exit(3)


def serve_http() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(server.streamable_http_app(), log_level="critical")
    anyio.run(uvicorn.Server(config).serve, [listener])


def main(mode: str, *rest: str) -> None:
    if mode == "crash":
        sys.exit("cannot find the key to the database")
    if mode == "slow-start":
        time.sleep(float(rest[0]))
    if mode == "http":
        serve_http()
    else:
        server.run("stdio")


if __name__ == "__main__":
    main(*sys.argv[1:])
