"""The desk of one episode: the APIs of a dialogue over a world of their own, and a record of what was called."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from codeact.errors import ToolError
from codeact.tasks.apibank.api import Api, Checker
from codeact.tasks.apibank.dialogues import Called, Response
from codeact.tasks.apibank.world import CallError, World
from codeact.tasks.base import Environment, Verdict
from codeact.tools import Tool
from codeact.types import JSON, Action, Answer, ToolSpec

Take = Callable[[Api, Sequence[Any], Mapping[str, Any]], Mapping[str, Any]]
"""Makes an API's arguments of what was passed. Raises `ToolError` for what it cannot take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A call that was made. Without a response the API could not take the arguments."""

    api: str
    response: Response | None
    refused: str = ""


@dataclass(slots=True, kw_only=True)
class Desk:
    """An `Environment`. The judge looks at its first attempt: the call that comes next in the dialogue."""

    tools: Sequence[Tool]
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    succeeded: bool | None = None  # only the judge knows


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTool:
    """An API as a tool of one world."""

    api: Api
    world: World
    take: Take
    attempts: list[Attempt]  # of the desk

    @property
    def spec(self) -> ToolSpec:
        return self.api.tool.spec

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call the API, and keep what came of it.

        Raises:
            ToolError: it cannot take the arguments, or it refuses the call.
        """
        try:
            arguments = self.take(self.api, args, kwargs)
        except ToolError as error:
            self.attempts.append(Attempt(api=self.api.name, response=None, refused=str(error)))
            raise
        response = respond(self.api, self.world, arguments)
        self.attempts.append(Attempt(api=self.api.name, response=response))
        if response.exception is not None:
            raise ToolError(response.exception, name="ValueError")
        return response.output


def respond(api: Api, world: World, arguments: Mapping[str, JSON]) -> Response:
    """What the API gives. Its refusals are part of the response."""
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return Response(arguments=given, output=deepcopy(api.run(world, **given)))  # later calls may change the world
    except CallError as error:
        return Response(arguments=given, output=None, exception=str(error))
    except (TypeError, AttributeError, KeyError) as error:  # the paper's APIs take values of any type
        return Response(arguments=given, output=None, exception=f"{type(error).__name__}: {error}")


def taken(api: Api, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arguments as Python binds them, checked by their types.

    Raises:
        ToolError: they do not fit.
    """
    return api.tool.arguments.bind(args, kwargs).arguments


def run_truth(world: World, apis: Mapping[str, Api], call: Called) -> str | None:
    """Make a call of the data set in this world, giving ids as it was given them; tells what was not as recorded, None
    where all was.
    """
    api = apis[call.api]
    try:
        arguments = taken(api, (), call.arguments)
    except ToolError as error:
        return str(error)
    world.replayed = call.response.output
    try:
        difference = api.checker.difference(respond(api, world, arguments), call.response)
        return difference.text if difference else None
    finally:
        world.replayed = None


@asynccontextmanager
async def desk_of(world: World, apis: Sequence[Api], take: Take) -> AsyncGenerator[Environment]:
    """The desk for one episode in this world."""
    attempts: list[Attempt] = []
    tools = [ApiTool(api=api, world=world, take=take, attempts=attempts) for api in apis]
    yield Desk(tools=tools, attempts=attempts)


@dataclass(frozen=True, slots=True)
class NextCall:
    """A judge that knows the next call: the first one that is made must have its name, and pass its checker."""

    truth: Called
    checker: Checker

    def __call__(self, answer: Answer | None, environment: Environment) -> Verdict:
        attempts = environment.attempts if isinstance(environment, Desk) else []
        if not attempts:
            return Verdict(False, f"no API of this dialogue was called; {self.truth.api} comes next")
        first = attempts[0]
        if first.api != self.truth.api:
            return Verdict(False, f"{first.api} was called; {self.truth.api} comes next", "wrong tool")
        if first.response is None:
            return Verdict(False, first.refused, "wrong argument")
        difference = self.checker.difference(first.response, self.truth.response)
        return Verdict(False, difference.text, difference.failure) if difference else Verdict(True)


@dataclass(frozen=True, slots=True)
class Known:
    """The oracle of one call, which needs to see nothing first."""

    action: Action

    def act(self, seen: Sequence[str], tools: Sequence[ToolSpec]) -> Action:
        return self.action
