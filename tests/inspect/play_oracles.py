"""Inspect evaluates the first tasks of m3tooleval in every format, and its mock model says what the oracles say.

Run in a process of its own, because an evaluation leaves loggers and handlers behind.
"""

from __future__ import annotations

import sys

from inspect_ai import eval as evaluate
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, get_model
from inspect_ai.tool import ToolChoice, ToolInfo

from codeact.actions import action_space
from codeact.inspect.messages import model_output
from codeact.rollouts import oracle
from codeact.tasks import suite
from codeact.tools import ToolSet
from codeact.types import Message

TASKS = {task.prompt: task for task in suite("m3tooleval").tasks()}


async def play(actions: str, history: list[ChatMessage]) -> ModelOutput:
    messages = [Message.of(message.role, message.text) for message in history]
    task = next(TASKS[message.text] for message in messages if message.text in TASKS)
    async with task.open(actions) as environment:
        model = oracle(task, action_space(actions), ToolSet(environment.tools).specs)
    return model_output(await model.complete(messages))


def main(folder: str, sandbox: str, count: int) -> None:
    for actions in ("code", "json", "text"):

        async def reply(
            history: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
        ) -> ModelOutput:
            return await play(actions, history)  # noqa: B023 -- called in this turn of the loop only

        model = get_model("mockllm/model", memoize=False, custom_outputs=reply)
        given = {"actions": actions, "sandbox": sandbox}
        evaluate("codeact/m3tooleval", model=model, task_args=given, limit=count, log_dir=folder, display="none")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
