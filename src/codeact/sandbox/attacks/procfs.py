"""What /proc tells the host about itself and the processes below it. Gone processes count as nothing."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from codeact.sandbox.box.processes import descendants

_PAGE = os.sysconf("SC_PAGESIZE")
_STARTING = 10.0  # seconds for a new process to be the program that it was started for


def settings(pid: int) -> tuple[str, ...]:
    """What another process could have changed about one: whether it is stopped, traced, slowed or limited."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return ()
    lines = [line for line in status if line.startswith(("TracerPid", "Cpus_allowed:"))]
    stopped = "stopped" if after_name[0] in "Tt" else ""
    return (stopped, after_name[16], *lines, limits)  # 16: nice


def wait_for_program(pid: int) -> None:
    """Until a process that was just started has its own arguments and environment."""
    deadline = time.monotonic() + _STARTING
    while b"-c" not in _arguments(pid) and time.monotonic() < deadline:
        time.sleep(0.001)


def with_argument(part: str) -> list[int]:
    """Processes with an argument that contains `part`, this one left out; the dead do not count."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    wanted = part.encode()
    return [pid for pid in numbers if pid != os.getpid() and any(wanted in word for word in _arguments(pid))]


def _arguments(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []


def below(pid: int) -> set[int]:
    """All descendants of a process."""
    return set(descendants(pid))


def private_and_shared(pids: Iterable[int]) -> int:
    """Bytes of memory that processes have together, each shared page counted once; 0 for those that may not be read."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def namespace(kind: str) -> str:
    """The name of a namespace of this process."""
    return str(Path("/proc/self/ns", kind).readlink())


def count_descriptors() -> int:
    """Of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def reset_peak() -> int:
    """Forget how much memory this process has had at most. How much it has now, in bytes."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def peak() -> int:
    """Bytes that this process has had at most since `reset_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
