"""A response: a container, the history of the one before, one run of the agent, and the files that its answer names."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio

from codeact.agent import Agent, Conversation
from codeact.errors import CodeActError, SandboxError
from codeact.server.nouns import Settings
from codeact.server.openai.answering import bound, say
from codeact.server.openai.citations import cite
from codeact.server.openai.containers import Container
from codeact.server.openai.errors import NO_RETRY, Refusal
from codeact.server.openai.input_items import input_items
from codeact.server.openai.items import Items
from codeact.server.openai.lent import Lent, choose
from codeact.server.openai.office import Office
from codeact.server.openai.response_wire import AutoContainer, ResponseRequest, check_supported, said_in
from codeact.server.openai.responses import Answering
from codeact.server.openai.routing import told
from codeact.server.openai.said import Prompt, prompt_of
from codeact.types import JSON, Message, OutcomeStatus

_log = logging.getLogger(__name__)
# Why a run without an answer is incomplete, as far as the protocol has words for it; other ends are failures.
_INCOMPLETE: dict[OutcomeStatus, str] = {"token_limit": "max_output_tokens", "turn_limit": "max_messages"}


def begun(office: Office, owner: str, asked: ResponseRequest) -> tuple[Answering, Prompt]:
    """A response to be, and what it is about. Raises `UsageError` and `NotFoundError` where it cannot be served."""
    check_supported(asked)
    choose(office.models, asked.model)
    prompt = office.uploads.located(owner, prompt_of(said_in(asked.input), param="input"))
    before = office.responses.before(owner, asked)
    system = "\n\n".join(filter(None, [asked.instructions, prompt.system]))
    prompt = replace(prompt, system=system, history=(*(before.messages if before else ()), *prompt.history))
    return Answering(owner=owner, asked=asked.remembered, said=input_items(asked.input)), prompt


async def respond(office: Office, answering: Answering, prompt: Prompt) -> None:
    """Run the agent until its end, which is told and kept, whatever it is."""
    try:
        with office.lent(answering.owner, "responses").run(), answering.scope:
            if answering.asked.store is not False and not answering.asked.background:  # that one is kept already
                office.responses.keep(answering)
            container = await _container(office, answering)
            with container.used():
                await _act(office, answering, prompt, container)
    except Exception as error:  # noqa: BLE001 (the edge: what is no CodeActError is a bug, and told as a failure)
        answering.error, answering.broken = told(error), True
        if answering.items is not None and answering.items.acted:  # once more is not the same
            answering.error = replace(answering.error, headers=NO_RETRY)
        answering.end("failed")
    finally:
        if not answering.ended.is_set():
            answering.end("cancelled")
        if answering.items is None and not answering.asked.background:  # its error is all that there is of it
            office.responses.drop(answering)
        office.responses.weigh(answering)


async def _act(office: Office, answering: Answering, prompt: Prompt, container: Container) -> None:
    items = answering.begin(container.id)
    lent = office.lent(answering.owner, "responses", container.meter)
    async with _agent(lent, answering, prompt, container).open() as conversation:
        bound(conversation, answering.asked.max_output_tokens)
        async with _forgetting(conversation):
            with lent.charged(container.session):
                await say(conversation, prompt, items.hear)
        container.given.update(file.name for file in prompt.files)
        answering.messages = _history(conversation)
    await _conclude(answering, items, container)


def _agent(lent: Lent, answering: Answering, prompt: Prompt, container: Container) -> Agent:
    asked = answering.asked
    spec = choose(tuple(lent.house.settings.models), asked.model).spec
    agent = lent.agent(Settings(model=spec, system=prompt.system, temperature=asked.temperature))
    budget = agent.budget
    if asked.max_tool_calls is not None:
        budget = replace(budget, turns=min(budget.turns, asked.max_tool_calls + 1))  # one more for the answer
    return replace(agent, sandbox=container.place, budget=budget)


async def _conclude(answering: Answering, items: Items, container: Container) -> None:
    outcome = items.outcome
    if outcome is None:
        raise RuntimeError("a run has ended without saying so")
    answering.usage = outcome.usage
    if items.answer is not None:
        items.say(items.answer, await cited(items.answer, container))
        answering.end("completed")
    elif outcome.status in _INCOMPLETE:
        if outcome.status == "token_limit" and items.words.partial:
            items.say(items.words.partial, (), status="incomplete")
        answering.incomplete = _INCOMPLETE[outcome.status]
        answering.end("incomplete")
    else:
        answering.error = Refusal(status=500, message=outcome.message or outcome.status, code=outcome.status)
        answering.end("failed")


async def cited(answer: str, container: Container) -> Sequence[dict[str, JSON]]:
    """The files that an answer names; none where they cannot be listed (its last action may have ended the session):
    the answer stands, whatever becomes of what it names.
    """
    try:
        files = {file.path: container.file_id(file.path) for file in await container.files()}
    except CodeActError as error:
        _log.warning("the files of %s cannot be listed for an answer: %s", container.id, error)
        return ()
    return cite(answer, files, container=container.id, workspace=container.session.info.workspace)


async def _container(office: Office, answering: Answering) -> Container:
    """The one that is named; else the one of the response before, if it is still there; else a new one."""
    owner, wanted = answering.owner, answering.asked.container
    if not isinstance(wanted, AutoContainer):
        return office.containers.find(owner, wanted)
    before = office.responses.before(owner, answering.asked)
    there = office.containers.alive.get(before.container or "") if before else None
    if there is not None and there.owner == owner and not there.busy and not there.over.is_set():
        await office.give(there, wanted.file_ids or ())
        return there
    return await office.open_container(
        owner, name="auto", memory=wanted.memory_limit, files=wanted.file_ids or (), automatic=True
    )


@asynccontextmanager
async def _forgetting(conversation: Conversation) -> AsyncGenerator[None]:
    """A container outlives conversations, so what they kept of its past is let go of."""
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True), suppress(SandboxError):
            for mark in conversation.marks:
                if mark.checkpoint is not None:
                    await conversation.session.forget(mark.checkpoint)


def _history(conversation: Conversation) -> tuple[Message, ...]:
    return tuple(message for message in conversation.messages if message.role != "system")
