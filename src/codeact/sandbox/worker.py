"""A worker process of a session, as the host holds it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from dataclasses import dataclass

from codeact.sandbox.wire import Wire


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process as the host knows it."""

    wire: Wire
    pidfd: int
    pid: int  # inside the session

    @property
    def dead(self) -> bool:
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def close(self) -> None:
        self.wire.close()
        os.close(self.pidfd)
