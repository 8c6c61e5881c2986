"""How many threads a model should compute with: physical cores, of those that this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")
CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def physical_cores() -> int:
    """At least 1. Two hyper-threads of a core share what a model needs, so the second only slows down the first."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = count_cores(mine, TOPOLOGY)
    return max(1, min(cores, quota(CGROUP_QUOTA) or cores))


def count_cores(cpus: Collection[int], topology: Path) -> int:
    """Distinct cores among logical CPUs; as many as there are CPUs where the system does not say."""
    return len({_core(cpu, topology / f"cpu{cpu}" / "topology") for cpu in cpus})


def quota(cpu_max: Path) -> int | None:
    """CPUs that a container is limited to, rounded up; None when it is not."""
    try:
        limit, period = cpu_max.read_text().split()
        return math.ceil(int(limit) / int(period))
    except (OSError, ValueError):  # no cgroups of version 2, or "max"
        return None


def _core(cpu: int, folder: Path) -> tuple[str, str]:
    try:
        return (folder / "physical_package_id").read_text(), (folder / "core_id").read_text()
    except OSError:
        return "", str(cpu)
