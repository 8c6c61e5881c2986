"""The agent: a model, tools, an action space and a sandbox, put together."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import Any

import anyio

from codeact.actions import action_space
from codeact.actions.base import ActionSpace
from codeact.agent.budget import Budget
from codeact.agent.checks import Check, grounded
from codeact.agent.conversation import Conversation, Setup
from codeact.agent.execute import Approve, Relay
from codeact.agent.result import RunResult
from codeact.agent.together import both
from codeact.errors import UsageError
from codeact.events import Emit, Event, ignore
from codeact.models import default_model, open_model, options_from_env
from codeact.models.base import Model
from codeact.sandbox import sandbox
from codeact.sandbox.asking import Ask, answered_by
from codeact.sandbox.base import Limits, NetworkPolicy, Sandbox, Session
from codeact.sandbox.network import network_policy
from codeact.tools import ToolSet
from codeact.trajectory import TrajectoryWriter
from codeact.types import JSON, Message, ToolBox


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent's configuration; `run` and `open` bring it to life and clean up after themselves.

    `model` is a `provider:model` string, or an open `Model`; None takes the default: a hosted model when there is a key
    in the environment, else the embedded one. `model_options` go to the provider (`base_url`, `api_key`, …).
    """

    model: str | Model | None = None
    _: KW_ONLY
    tools: Sequence[Callable[..., Any] | ToolBox] = ()
    actions: str | ActionSpace = "code"  # "code", "json" or "text", or a format of your own
    dialect: str | None = None  # how the action is written; None takes the action space's default
    sandbox: str | Sandbox = "local"
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
    network: NetworkPolicy | str = "none"  # a string as on the command line: "packages", "allow:api.example.com"
    system: str = ""  # added to the system prompt
    checks: Sequence[Check] = (grounded,)
    approve: Approve | None = None
    ask: Ask | None = None  # answers `input()` and `getpass()` of the code; without it they are refused
    seed: int | None = 0
    model_options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    async def run(
        self, task: str, *, files: Sequence[str | Path] = (), emit: Emit = ignore, record: str | Path | None = None
    ) -> RunResult:
        """Solve one task. `record` is a file to which the trajectory is written as it goes.

        Raises:
            UsageError: an argument is wrong.
            SetupError: something is missing on this machine.
            ModelError: the endpoint failed.
            SandboxError: the machinery around the box failed.
        """
        async with self.open() as conversation:
            with TrajectoryWriter(Path(record)) if record else nullcontext() as writer:
                return await conversation.send(task, files=files, emit=emit, record=writer)

    def run_sync(
        self, task: str, *, files: Sequence[str | Path] = (), emit: Emit = ignore, record: str | Path | None = None
    ) -> RunResult:
        """`run` for scripts, which have no event loop of their own.

        Raises:
            UsageError: an event loop is running here already, as in a notebook; besides what `run` raises.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise UsageError("an event loop is running here; write `await agent.run(…)` instead of `run_sync`")

        async def main() -> RunResult:
            return await self.run(task, files=files, emit=emit, record=record)

        return anyio.run(main)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Conversation]:
        """Open model and session at the same time, for any number of messages; both close at the end of the block."""
        space = action_space(self.actions, self.dialect) if isinstance(self.actions, str) else self.actions
        tools = ToolSet(self.tools)
        relay = Relay(tools)
        box_tools = answered_by(relay, relay.answer) if self.ask else relay
        box = self._session(box_tools) if space.name == "code" else nullcontext()
        async with both(box, self._model()) as (session, model):  # each may take seconds to start
            setup = Setup(
                model=model,
                space=space,
                tools=tools,
                session=session,
                relay=relay,
                budget=self.budget,
                checks=self.checks,
                approve=self.approve,
                ask=self.ask,
                seed=self.seed,
                described=self._described(model, space, tools),
            )
            yield Conversation(setup=setup, messages=self._system_prompt(space, tools, session))

    @asynccontextmanager
    async def stream(self, task: str, *, files: Sequence[str | Path] = ()) -> AsyncGenerator[AsyncIterator[Event]]:
        """`async with agent.stream(task) as events: async for event in events: …`; the last one is `Finished`.

        Leaving the block early cancels the run. What `run` raises is raised at the end of the block.
        """
        send, receive = anyio.create_memory_object_stream[Event](math.inf)  # `emit` must not block
        failures: list[Exception] = []  # raised below by their own names: the task group would wrap them

        async def produce() -> None:
            with send:
                try:
                    await self.run(task, files=files, emit=send.send_nowait)
                except Exception as error:  # noqa: BLE001 (see above)
                    failures.append(error)

        with receive:  # closed after the run has ended, because a cancelled run still tells its end
            async with anyio.create_task_group() as group:
                group.start_soon(produce)
                try:
                    yield receive
                except Exception as error:  # noqa: BLE001 (see above)
                    failures.append(error)
                group.cancel_scope.cancel()
        if failures:
            raise failures[-1]

    @asynccontextmanager
    async def _session(self, tools: ToolBox) -> AsyncGenerator[Session]:
        place = sandbox(self.sandbox) if isinstance(self.sandbox, str) else self.sandbox
        async with place.open(tools, limits=self.limits, network=network_policy(self.network)) as session:
            yield session

    @asynccontextmanager
    async def _model(self) -> AsyncGenerator[Model]:
        if self.model is None or isinstance(self.model, str):
            spec = self.model or default_model(os.environ)
            options = {**options_from_env(spec, os.environ), **self.model_options}
            async with open_model(spec, **options) as model:
                yield model
        else:
            yield self.model

    def _system_prompt(self, space: ActionSpace, tools: ToolBox, session: Session | None) -> list[Message]:
        """One message; none where the format has no instructions, because all is in the first message."""
        instructions = space.instructions(tools.specs, session.info if session else None)
        text = "\n\n".join(filter(None, [instructions, self.system]))
        return [Message.of("system", text)] if text else []

    def _described(self, model: Model, space: ActionSpace, tools: ToolBox) -> dict[str, JSON]:
        return {
            "model": model.name,
            "actions": space.name,
            "dialect": space.dialect,
            "tools": [spec.name for spec in tools.specs],
            "budget": asdict(self.budget),
            "network": str(self.network),
            "seed": self.seed,
        }
