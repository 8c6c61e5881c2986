"""What a child process of ours does first, so that it cannot outlive the process that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent ends, by `kill -9` too. Elsewhere than on Linux this does nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before we asked
        os.kill(os.getpid(), signal.SIGKILL)
