"""A worker process of a session, as the host holds it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from dataclasses import dataclass

from codeact.sandbox.wire import Wire


@dataclass(slots=True)
class Worker:
    """A worker process as the host knows it."""

    wire: Wire
    pidfd: int  # -1 once it is closed: the number may be somebody else's by then
    pid: int  # inside the session

    @property
    def dead(self) -> bool:
        if self.pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def signal(self, number: signal.Signals) -> None:
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def close(self) -> None:
        """May be called twice."""
        self.wire.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
