"""What these endpoints have of the house: models by name, agents, and a share of what each user may use."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from codeact.agent import Agent
from codeact.errors import NotFoundError
from codeact.sandbox.base import Session
from codeact.server.house import House
from codeact.server.metering import Meter
from codeact.server.nouns import Settings
from codeact.types import JSON, CodeAction, ToolCall, ToolCalls

DEFAULT = "codeact"  # the service's own choice, for clients that want a name they can rely on
STEPS = "+steps"  # after a name: the steps are wanted, for clients that cannot send fields of ours
_NOTED = 4000  # characters of code in the audit log


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model as a client has named it."""

    spec: str  # `provider:model`
    steps: bool


def choose(models: Sequence[str], name: str) -> Chosen:
    """Raises `NotFoundError` for a model that is not offered."""
    plain, steps = name.removesuffix(STEPS), name.endswith(STEPS)
    if plain == DEFAULT:
        return Chosen(models[0], steps)
    if plain not in models:
        raise NotFoundError(f"the model {name[:200]!r} is not offered; GET /v1/models lists those that are")
    return Chosen(plain, steps)


def model_card(models: Sequence[str], name: str) -> dict[str, JSON]:
    """Raises `NotFoundError` for a model that is not offered."""
    choose(models, name)
    return {"id": name, "object": "model", "created": 0, "owned_by": "codeact"}


def model_cards(models: Sequence[str]) -> list[dict[str, JSON]]:
    names = [each for name in (DEFAULT, *models) for each in (name, name + STEPS)]
    return [model_card(models, name) for name in names]


@dataclass(frozen=True, slots=True)
class Lent:
    """What one user is lent for one request."""

    house: House
    through: str  # which endpoint, for the audit log
    meter: Meter

    @property
    def owner(self) -> str:
        return self.meter.owner

    def agent(self, settings: Settings, *, seed: int | None = None) -> Agent:
        """An agent each of whose actions is in the audit log before it is taken.

        Raises:
            UsageError: something is not offered, or more than there may be. QuotaError: the service is being shut down.
        """
        agent = self.house.agent(settings, approve=self._note)
        return agent if seed is None else replace(agent, seed=seed)

    async def _note(self, subject: CodeAction | ToolCalls | ToolCall) -> bool:
        """Not a question to anybody: the sandbox is the boundary, and no tool is offered that would need approval.

        Raises:
            QuotaError: the hour's processor time is used up. StoreError: the audit log cannot be written.
        """
        self.meter.check()
        code = subject.code[:_NOTED] if isinstance(subject, CodeAction) else str(subject)[:_NOTED]
        await self.house.shared.note(self.owner, None, "action", through=self.through, code=code)
        return True

    def run(self) -> AbstractContextManager[None]:
        """See `Shared.run_without_room`."""
        return self.house.shared.run_without_room(self.owner)

    def charged(self, session: Session) -> AbstractContextManager[None]:
        """The processor time that a session of one request uses in the body is this user's."""
        return self.meter.charged(session)
