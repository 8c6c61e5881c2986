"""The ladder of signals by which a worker is stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time

from codeact.sandbox.escalation import Escalation
from codeact.sandbox.wire import Wire
from codeact.sandbox.worker import Worker


def test_being_told_again_to_stop_neither_hurries_nor_breaks_it() -> None:
    """Seen under load: looks at the processor time went on saying "stop" after the kill, and the action broke."""
    ours, theirs = socket.socketpair()
    command = ["sh", "-c", "trap '' INT; echo; exec sleep 100"]
    with theirs, subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)  # from now on it ignores the interrupt
        worker = Worker(Wire(ours), os.pidfd_open(process.pid), process.pid)
        escalation = Escalation(worker)
        escalation.start()
        now = time.monotonic()
        for _ in range(5):
            escalation.climb(now)
            escalation.start()
        assert not worker.dead
        for seconds in (1, 3, 5, 7):
            escalation.climb(now + seconds)
            escalation.start()
        assert process.wait() == -signal.SIGKILL
        worker.close()
