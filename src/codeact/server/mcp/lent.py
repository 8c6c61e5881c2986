"""What MCP clients have of the house: its sandbox, counted and charged as their user's, and a line in its audit log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from codeact.errors import QuotaError, SetupError, StoreError
from codeact.sandbox.base import Limits, NetworkPolicy, Offer, Sandbox, Session
from codeact.server.house import House
from codeact.server.mcp.settings import McpSettings
from codeact.server.metering import Meter
from codeact.types import ToolBox

_NOTED = 4000  # characters of code in the audit log
_SOON = 5.0  # seconds after which another try makes sense
_FAILED: Final = "the service cannot do this now; its log says why"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lent:
    """What one user is lent: a sandbox, whose sessions count among the user's containers."""

    house: House
    owner: str
    meters: list[tuple[Meter, Session]] = field(default_factory=list[tuple[Meter, Session]])  # of the open ones

    @property
    def settings(self) -> McpSettings:
        """An action has no more time than in a chat."""
        house = self.house.settings
        return McpSettings(
            limits=house.limits,
            time_limit=house.action_time,
            most_time=house.action_time,
            idle=house.quotas.container_idle,
            desks=house.quotas.own_containers,
        )

    # --- a sandbox ---

    @property
    def name(self) -> str:
        return self.house.shared.sandbox.name

    @property
    def offer(self) -> Offer:
        return self.house.shared.sandbox.offer

    @asynccontextmanager
    async def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AsyncGenerator[Session]:
        """A session of the house's, as long as the user has time left.

        Raises:
            QuotaError: there are too many, or no time is left. SandboxError: it cannot be opened.
        """
        sandbox: Sandbox = self.house.shared.sandbox
        ledger = self.house.shared.ledger
        ledger.check_cpu(self.owner)
        with ledger.containers.through(self.owner):
            async with sandbox.open(tools, limits=limits, network=network) as session:
                meter = Meter(ledger, self.owner)
                self.meters.append((meter, session))
                try:
                    yield session
                finally:
                    meter.charge(session)
                    self.meters.remove((meter, session))

    def charge(self) -> None:
        """Enter what was used so far, also by what an action has left running."""
        for meter, session in self.meters:
            meter.charge(session)

    # --- its calls ---

    @asynccontextmanager
    async def call(self, tool: str, arguments: Mapping[str, Any]) -> AsyncGenerator[None]:
        """Around a call: it is in the audit log before it is carried out, and counts as a run of this user.

        Raises:
            QuotaError: there are too many, the hour's processor time is used up, or the service fails; what of it is
                wrong is in its log and for no client.
        """
        shared = self.house.shared
        try:
            await shared.note(self.owner, None, "action", through="mcp", tool=tool, code=_code_in(arguments))
            with shared.run_without_room(self.owner):
                yield
        except (StoreError, SetupError) as error:
            _log.error("a call of %s failed: %s", tool, error)
            raise QuotaError(_FAILED, _SOON) from error
        finally:
            self.charge()


def _code_in(arguments: Mapping[str, Any]) -> str:
    return str(arguments.get("code", ""))[:_NOTED]
