"""What one user, and all of them together, may have of these endpoints, beside what the house allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from codeact.errors import QuotaError
from codeact.sandbox.base import MiB

_SOON = 5.0  # seconds after which somebody else's run may have ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """`own` means of one user. Nothing here outlives the process."""

    containers: int = 32  # alive at once
    own_containers: int = 8
    idle: float = 1200.0  # seconds without use after which a container is gone; a client may ask for less
    files: int = 2000
    own_files: int = 200
    own_bytes: int = 512 * MiB  # of all uploaded files
    file_bytes: int = 64 * MiB  # of one file
    responses: int = 2000  # that are kept, for `previous_response_id` and to be retrieved
    own_responses: int = 200  # then the oldest go
    keep: float = 24 * 3600.0  # seconds that responses and uploaded files are kept


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
