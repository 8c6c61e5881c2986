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
        """Enter what a session has used since this was last called: of a new one all, also its start."""
        if not isinstance(session, BoxSession):
            return
        used = session.meter.cpu_seconds()  # also of one whose interpreter has died: other programs may be left
        if used is None:  # counted elsewhere
            return
        self.ledger.charge(self.owner, used - (self._cpu if session is self.session else 0.0))
        self.session, self._cpu = session, used

    def check(self) -> None:
        """Raises `QuotaError` where the hour's processor time is used up, with what the session uses just now."""
        self.charge(self.session)
        self.ledger.check_cpu(self.owner)

    @contextmanager
    def charged(self, session: Session) -> Generator[None]:
        """What a session uses in the body is entered at its end."""
        self.charge(session)
        try:
            yield
        finally:
            self.charge(session)
