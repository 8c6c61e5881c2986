"""A worker process of a session, as the host holds it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
from dataclasses import dataclass

from codeact.sandbox.wire import Wire


@dataclass(slots=True)
class Worker:
    """A worker process as the host knows it."""

    wire: Wire
    pidfd: int  # or, in another place, a socket that ends with the process and takes signals as bytes; -1 once closed
    pid: int  # inside the session

    @property
    def dead(self) -> bool:
        if self.pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def signal(self, number: signal.Signals) -> None:
        if self.pidfd < 0:
            return
        with contextlib.suppress(ProcessLookupError, BrokenPipeError):
            if stat.S_ISSOCK(os.fstat(self.pidfd).st_mode):
                os.write(self.pidfd, bytes([number]))
            else:
                signal.pidfd_send_signal(self.pidfd, number)

    def close(self) -> None:
        """May be called twice."""
        self.wire.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
