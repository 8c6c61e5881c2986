"""So many at once, and of one user so many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from codeact.errors import QuotaError

_SOON = 5.0  # seconds after which somebody else's run may have ended


@dataclass(slots=True)
class Turnstile:
    """Lets so many in at once, and of one user so many."""

    what: str  # in the plural
    most: int
    own: int
    inside: Counter[str] = field(default_factory=Counter[str])

    def check(self, owner: str, *, again: float | None = _SOON) -> None:
        """Whether one more may be inside; `again` is in how many seconds this user's next one may be.

        Raises:
            QuotaError: there are too many already.
        """
        if self.inside[owner] >= self.own:
            raise QuotaError(f"a user may have {self.own} {self.what} at once, and you have them", again)
        if self.inside.total() >= self.most:
            raise QuotaError(f"the service has its {self.most} {self.what} already; try again later", _SOON)

    @contextmanager
    def through(self, owner: str, *, again: float | None = _SOON) -> Generator[None]:
        """For the body, one more is inside. Raises as `check` does."""
        self.check(owner, again=again)
        self.inside[owner] += 1
        try:
            yield
        finally:
            self.inside[owner] -= 1
            if not self.inside[owner]:
                del self.inside[owner]
