"""The processor time of sessions, entered as their users'."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from codeact.sandbox.base import Session
from codeact.sandbox.session import BoxSession
from codeact.server.ledger import Ledger


@dataclass(slots=True)
class Meter:
    """Of one user's session, or of those that come after each other."""

    ledger: Ledger
    owner: str
    session: Session | None = None  # that was last looked at
    _cpu: float = 0.0  # seconds that the session had used when that was last looked at

    def charge(self, session: Session | None) -> None:
        """Enter what a session has used since this was last called; what a new one has used is its own start."""
        if not isinstance(session, BoxSession) or not session.alive:
            return
        used = session.meter.cpu_seconds()
        if used is None:  # counted elsewhere
            return
        if session is self.session:
            self.ledger.charge(self.owner, used - self._cpu)
        self.session, self._cpu = session, used

    @contextmanager
    def charged(self, session: Session) -> Generator[None]:
        """What a session uses in the body is entered at its end."""
        self.charge(session)
        try:
            yield
        finally:
            self.charge(session)
