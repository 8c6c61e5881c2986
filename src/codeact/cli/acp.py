"""`codeact acp`: the agent for editors that speak the Agent Client Protocol."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio

from codeact.agent import Agent, Approve
from codeact.cli import consoles, exits
from codeact.cli.assemble import Parts, choose_model, open_agent, parts_of
from codeact.cli.options import AgentOptions, spread
from codeact.cli.signals import ended_by_signals, shared
from codeact.errors import UsageError
from codeact.server import acp as service
from codeact.tools import ToolSet


@spread(AgentOptions)
def acp(options: AgentOptions) -> int:
    """Be an agent of an editor (Zed, JetBrains, Neovim, …), which starts this command and talks with it over pipes.

    Code runs in the sandbox, not in the project; files that you mention are copied in. --approve asks before each step.
    """
    for given, name in ((options.file, "--file"), (options.expect, "--expect"), (options.out, "--out")):
        if given:
            raise UsageError(f"{name} is for one task, and an editor has many; leave it out")
    return anyio.run(_serve, parts_of(options, consoles.notices()))


async def _serve(parts: Parts) -> int:
    choice = await choose_model(parts.options, consoles.notices())
    async with ended_by_signals() as ended, shared(parts.place), choice.open() as model:

        @asynccontextmanager
        async def opened(*, approve: Approve, more: Sequence[ToolSet]) -> AsyncGenerator[Agent]:
            async with open_agent(parts, model, approve=approve, more=more) as agent:
                yield agent

        await service.serve_acp(opened, every_action=parts.options.approve)
    return exits.INTERRUPTED if signal.SIGINT in ended else exits.ANSWERED
