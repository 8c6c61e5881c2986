"""Names of processes that share a database, by which others of the same machine can tell whether they have ended."""

from __future__ import annotations

import os
import time
from pathlib import Path


def replica_name(address: str = "") -> str:
    """Of this process: the machine's start, the namespace of process numbers, the number, and when it began; then where
    others reach it, as in `http://10.0.0.3:8321`, if they do.
    """
    name = f"{_place()}:{os.getpid()}:{_began(os.getpid())}"
    return f"{name} {address}" if address else name


def address_of(name: str) -> str | None:
    """Where the process of this name is reached; None where it has not said so."""
    address = name.partition(" ")[2]
    return address if address.startswith(("http://", "https://")) else None


def has_ended(name: str) -> bool:
    """Whether the process of this name is surely gone. False where that cannot be seen from here."""
    start, _, began = name.partition(" ")[0].rpartition(":")
    place, _, rest = start.rpartition(":")
    return place == _place() and rest.isdecimal() and _began(int(rest)) != began


def uptime() -> float:
    """Seconds since the machine's start, also those in which it was suspended, when leases go on to end."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # no Linux: nobody's end is sure
        return os.urandom(8).hex()


def _began(pid: int) -> str:
    """In ticks since the machine's start; empty where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
