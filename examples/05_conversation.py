"""A conversation keeps the talk, the variables and the files from message to message; undo takes a message back."""

import anyio

from codeact import Agent
from codeact.models.scripted import ScriptedModel

REPLIES = [
    "```python\nbasket = ['apple']\n```",
    "There is an apple in the basket.",
    "```python\nbasket.append('pear'); print(basket)\n```",
    "There are an apple and a pear in it.",
    "I would rather talk about the weather.",
    "```python\nprint(len(basket))\n```",
    "There are 2 things in it.",
]


async def main() -> None:
    async with Agent(ScriptedModel(REPLIES)).open() as conversation:
        print((await conversation.send("Put an apple into the basket.")).answer)
        print((await conversation.send("Add a pear.")).answer)
        print((await conversation.send("How many things are in it?")).answer)
        if await conversation.undo():  # False where the state could not be kept, and only the talk is taken back
            print("taken back: talk, variables and files")
        print((await conversation.send("How many things are in it? Count them.")).answer)
        for variable in await conversation.session.variables():
            print("variable:", variable.name, variable.type, variable.preview)


anyio.run(main)
