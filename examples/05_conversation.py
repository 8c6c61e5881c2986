"""A conversation keeps the talk, the variables and the files; undo takes a message back."""

import anyio

from codeact import Agent
from codeact.models.scripted import ScriptedModel

REPLIES = [
    "```python\nbasket = ['apple']\n```",
    "There is an apple in the basket.",
    "```python\nbasket.append('brick'); print(basket)\n```",
    "There are an apple and a brick in it.",
    "```python\nprint(basket)\n```",
    "Only the apple is in it.",
]


async def main() -> None:
    async with Agent(ScriptedModel(REPLIES)).open() as conversation:
        print((await conversation.send("Put an apple into the basket.")).answer)
        print((await conversation.send("Add a brick.")).answer)
        print("undone, variables too:", await conversation.undo())
        print((await conversation.send("What is in the basket?")).answer)
        for variable in await conversation.session.variables():
            print("variable:", variable.name, variable.type, variable.preview)


anyio.run(main)
