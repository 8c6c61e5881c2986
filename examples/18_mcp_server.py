"""`codeact mcp`, used by the official MCP client: state, a branch, undo, live output, an image."""

import os
import sys

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, ImageContent, TextContent

SERVER = StdioServerParameters(command=sys.executable, args=["-m", "codeact", "mcp"], env=dict(os.environ))
PLOT = "import matplotlib.pyplot as plt\nplt.plot(prices)\nplt.show()"


def text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def told(progress: float, total: float | None, message: str | None) -> None:
    print("live:", (message or "").strip())


async def main() -> None:
    async with Client(SERVER) as client:
        print("tools:", *(tool.name for tool in (await client.list_tools()).tools))

        async def run(code: str, branch: str = "main") -> CallToolResult:
            return await client.call_tool("run", {"code": code, "branch": branch}, progress_callback=told)

        await run("prices = [3, 1, 2]\nprint('three prices')\nimport time; time.sleep(1)")
        print(text(await run("sum(prices)")))  # state stays

        await client.call_tool("fork", {"name": "cheap"})
        await run("prices = [price / 2 for price in prices]", branch="cheap")
        print("cheap:", text(await run("prices", branch="cheap")), "| main:", text(await run("prices")))

        await run("prices.clear(); open('notes.txt', 'w').write('all gone')")
        await client.call_tool("undo", {})
        print("undone:", text(await run("prices")), "| files:", text(await client.call_tool("list_files", {})))

        failed = await run("1 / 0")
        print(failed.is_error, failed.structured_content["error"]["name"], failed.structured_content["state"])
        images = [block for block in (await run(PLOT)).content if isinstance(block, ImageContent)]
        print("figure:", images[0].mime_type)


anyio.run(main)
