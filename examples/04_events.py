"""Everything that happens in a run, as it happens."""

import anyio

from codeact import Agent
from codeact.events import ActionStarted, Answered, DisplayShown, Finished, OutputChunk, TextDelta
from codeact.models.scripted import ScriptedModel
from codeact.types import CodeAction

REPLIES = [
    "I draw it first.\n```python\nimport matplotlib.pyplot as plt\nplt.plot([1, 4, 9]); print('drawn')\n```",
    "The figure is in `figure-1.png`.",
]


async def main() -> None:
    agent = Agent(ScriptedModel(REPLIES))
    async with agent.stream("Draw the first three squares.") as events:
        async for event in events:
            match event:
                case TextDelta(text):
                    print(text, end="", flush=True)
                case ActionStarted(CodeAction(code)):
                    print(f"\n--- running {len(code.splitlines())} lines")
                case OutputChunk(text):
                    print("---", text, end="")
                case DisplayShown(display):
                    print("--- figure", display.name)
                case Answered(answer):
                    print("\n--- answer:", answer.text)
                case Finished(outcome):
                    print("---", outcome.status)
                case _:
                    pass


anyio.run(main)
