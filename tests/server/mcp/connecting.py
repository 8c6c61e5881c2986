"""The official client against the real command."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import CallToolResult, ImageContent, TextContent

# The real local sandbox, without the seconds that importing the data stack takes.
QUICK = """
from codeact.sandbox.local import LocalSandbox

class Quick(LocalSandbox):
    def __init__(self, **options):
        super().__init__(preload=(), **options)
"""


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "codeact", "mcp", "--sandbox", "quick:Quick", *options]


def environment(folder: Path) -> dict[str, str]:
    """Nothing of this machine's settings."""
    return {"PYTHONPATH": ":".join([str(folder), *filter(None, sys.path)]), "PATH": os.defpath, "HOME": str(folder)}


@asynccontextmanager
async def connected(folder: Path, *options: str, mode: str = "auto") -> AsyncIterator[Client]:
    (folder / "quick.py").write_text(QUICK)
    program, *arguments = command(*options)
    server = StdioServerParameters(command=program, args=arguments, env=environment(folder), cwd=folder)
    with (folder / "stderr.txt").open("w") as log:
        async with Client(stdio_client(server, errlog=log), mode=mode) as client:
            yield client


def text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def images(result: CallToolResult) -> list[ImageContent]:
    return [block for block in result.content if isinstance(block, ImageContent)]


async def run(client: Client, code: str, **arguments: Any) -> CallToolResult:
    return await client.call_tool("run", {"code": code, **arguments})


async def shown(client: Client, code: str, **arguments: Any) -> str:
    return text(await run(client, code, **arguments))
