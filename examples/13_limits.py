"""What one session may use. Meeting a limit is a result that the model can read, and the session goes on."""

import anyio

from codeact import tool
from codeact.actions import action_space
from codeact.sandbox import Limits
from codeact.sandbox.local import LocalSandbox
from codeact.tools import ToolSet

MiB = 1 << 20
LIMITS = Limits(
    memory=512 * MiB,  # of one process
    total_memory=1024 * MiB,  # of all of them and the files together
    cpu_time=2.0,  # seconds of processor time per action
    processes=32,
    workspace=64 * MiB,
    output=64 * 1024,  # bytes per action; the middle is left out
    tool_calls=3,  # per action
)
GREEDY = {
    "memory": "numbers = list(range(10**9))",
    "processor time": "while True: pass",
    "processes": "import subprocess\nfor n in range(99): subprocess.Popen(['sleep', '60'])",
    "workspace": "open('big', 'wb').write(bytes(100_000_000))",
    "output": "for n in range(20_000): print('line', n)",
    "tool calls": "for n in range(10): look_up(n)",
}


@tool
def look_up(key: int) -> str:
    """Look something up."""
    return f"entry {key}"


async def main() -> None:
    code = action_space("code")
    async with LocalSandbox(preload=()).open(ToolSet([look_up]), limits=LIMITS) as session:
        await session.run("kept = 'still here'")
        for limit, greedy in GREEDY.items():
            result = await session.run(greedy, time_limit=30)
            seen = code.observe(result).text.splitlines()  # what a model would read
            print(f"--- {limit}", *seen[-4:], sep="\n")
        print("---", (await session.run("kept")).value)


anyio.run(main)
