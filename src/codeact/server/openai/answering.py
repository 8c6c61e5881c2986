"""A chat completion: a fresh session, the messages as its history, one run, and nothing left behind.

So a client may send a request again whenever it likes, and one that hangs up has stopped the agent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from uuid import uuid4

from codeact.agent import Agent, Conversation
from codeact.events import Emit
from codeact.server.nouns import Settings
from codeact.server.openai.bounded import BoundedModel
from codeact.server.openai.chat import ChatAnswer, Tell, ignore_chunk
from codeact.server.openai.chat_wire import ChatRequest, check_supported, said_in
from codeact.server.openai.lent import Chosen, Lent, choose
from codeact.server.openai.office import Office
from codeact.server.openai.said import Prompt, prompt_of
from codeact.types import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTask:
    """What a request to `/chat/completions` asks for."""

    asked: ChatRequest
    chosen: Chosen
    prompt: Prompt

    def answer(self, tell: Tell = ignore_chunk) -> ChatAnswer:
        extras, options = self.asked.codeact, self.asked.stream_options
        return ChatAnswer(
            id=f"chatcmpl-{uuid4().hex}",
            created=int(time.time()),
            model=self.asked.model,
            tell=tell,
            with_steps=extras.steps or self.chosen.steps,
            with_figures=extras.figures,
            with_usage=options is not None and options.include_usage,
            stops=self.asked.stops,
        )

    def agent(self, lent: Lent) -> Agent:
        """Raises `UsageError` for more than there may be."""
        settings = Settings(
            model=self.chosen.spec,
            system=self.prompt.system,
            temperature=self.asked.temperature,
            turns=self.asked.codeact.turns,
        )
        return lent.agent(settings, seed=self.asked.seed)


def chat_task(office: Office, owner: str, asked: ChatRequest) -> ChatTask:
    """Raises `UsageError` and `NotFoundError` for a request that cannot be served."""
    check_supported(asked)
    chosen = choose(office.models, asked.model)
    prompt = office.uploads.located(owner, prompt_of(said_in(asked.messages), param="messages"))
    return ChatTask(asked=asked, chosen=chosen, prompt=prompt)


async def complete(task: ChatTask, lent: Lent, answer: ChatAnswer) -> None:
    """Run the agent, and let `answer` hear of it.

    Raises:
        QuotaError: this user has too many runs going on, or has used up the hour's processor time.
        ModelError, SandboxError: as `Agent.run` does.
    """
    with lent.run():
        async with task.agent(lent).open() as conversation:
            bound(conversation, task.asked.most_tokens)
            with lent.charged(conversation.session):
                await say(conversation, task.prompt, answer.hear)
    answer.close()


def bound(conversation: Conversation, most: int | None) -> None:
    """Let a conversation's model write no more than `most` tokens."""
    if most is not None:
        setup = conversation.setup
        conversation.setup = replace(setup, model=BoundedModel(setup.model, most))


async def say(conversation: Conversation, prompt: Prompt, emit: Emit) -> None:
    """Put history and files in place, send the message, and let the agent act until its end.

    Raises:
        TransferError: no room for a file.
        ModelError, SandboxError: as `Conversation.send` does.
    """
    conversation.messages.extend(prompt.history)
    if prompt.images:
        conversation.messages.append(Message("user", prompt.images))  # the text joins it
    await conversation.send(prompt.text, files=[(file.name, file.data or b"") for file in prompt.files], emit=emit)
