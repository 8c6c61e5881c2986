"""A model that takes no time and needs no script: `codeact serve -m benchmarks.talker:open_talker`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.types import Completion, Message, ToolSpec

NAME = "benchmarks.talker:open_talker"
COUNT = "x = globals().get('x', 0) + 1; print(x)"


class Talker:
    """For any number of chats at once. It acts once in each run, with the code that the message gives after `run:`,
    else by counting in a variable; then it answers with the last line that came out.
    """

    name = NAME

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        return await ScriptedModel([reply(messages[-1].text)]).complete(messages, tools=tools, stop=stop, emit=emit)


def reply(last: str) -> str:
    if last.startswith("Observation"):
        return f"It is {last.splitlines()[-1]}."
    return f"```python\n{last.partition('run:')[2].strip() or COUNT}\n```"


@asynccontextmanager
async def open_talker() -> AsyncIterator[Model]:
    yield Talker()
