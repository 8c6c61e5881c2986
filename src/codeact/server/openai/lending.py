"""What these endpoints need of the house, and what a client may call its models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codeact.agent import Agent
from codeact.errors import NotFoundError
from codeact.server.nouns import Settings
from codeact.types import JSON

DEFAULT = "codeact"  # the service's own choice, for clients that want a name they can rely on
STEPS = "+steps"  # after a name: the steps are wanted, for clients that cannot send fields of ours


class Lender(Protocol):
    """Lends agents that share open models and a warm sandbox; the house does."""

    @property
    def models(self) -> Sequence[str]:
        """`provider:model` of all that are offered, the default first."""
        ...

    def agent(self, settings: Settings) -> Agent: ...


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
