"""What would give this host a layer that it lacks, as far as its files tell: the kernel's settings, and whether this is
a container.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

_NEEDS = {
    "files": "use a virtual environment in a folder of its own, such as .venv in the project",
    "privileges": "use Linux 4.3 or later",
    "seccomp": "use a kernel with CONFIG_SECCOMP_FILTER",
    "network": "use a kernel with CONFIG_SECCOMP_FILTER",
    "own /proc": "in a container, start it with `--security-opt systempaths=unconfined`",
    "total memory": "give this program a control group that it may divide: start it with `systemd-run --user --scope` "
    "(as an ordinary user, with control groups v2) or as root; in a container, with a writable /sys/fs/cgroup",
}
_APPARMOR = (
    "give this Python an AppArmor profile that allows user namespaces: write `abi <abi/4.0>, include <tunables/global> "
    "profile codeact {python} flags=(unconfined) {{ userns, }}` to /etc/apparmor.d/codeact and run "
    "`apparmor_parser -r /etc/apparmor.d/codeact`; or, for all programs, "
    "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
)
_CONTAINER = (
    "start the container with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, or with a "
    "seccomp profile that allows unshare, clone and mount"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a host says of itself."""

    is_container: bool
    settings: dict[str, str]  # sysctls and lists of the kernel, by path; those that cannot be read are missing
    python: str


_SETTINGS = (
    "proc/sys/user/max_user_namespaces",
    "proc/sys/kernel/unprivileged_userns_clone",  # Debian's, and kernels derived from it
    "proc/sys/kernel/apparmor_restrict_unprivileged_userns",  # Ubuntu's, from 23.10
    "sys/kernel/security/lsm",
)


def this_host(root: Path = Path("/")) -> Host:
    settings = dict[str, str]()
    for path in _SETTINGS:
        try:
            settings[path] = (root / path).read_text().strip()
        except OSError:
            continue
    marks = (".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io")
    container = any((root / mark).exists() for mark in marks)
    return Host(is_container=container, settings=settings, python=os.path.realpath(sys.executable))


def remedy(layer: str, host: Host | None = None) -> str:
    """A sentence for whoever owns the machine; empty where there is no advice."""
    match layer:
        case "namespaces":
            return _namespaces(host or this_host())
        case "landlock":
            return _landlock(host or this_host())
        case _:
            return _NEEDS.get(layer, "")


def _namespaces(host: Host) -> str:
    found = list[str]()
    if host.settings.get("proc/sys/user/max_user_namespaces") == "0":
        found.append("allow user namespaces: `sysctl -w user.max_user_namespaces=15000` (now 0)")
    if host.settings.get("proc/sys/kernel/unprivileged_userns_clone") == "0":
        found.append("allow user namespaces to ordinary users: `sysctl -w kernel.unprivileged_userns_clone=1` (now 0)")
    if host.settings.get("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        found.append(_APPARMOR.format(python=host.python))
    if host.is_container:
        found.append(_CONTAINER)
    return "; ".join(found) or f"allow user namespaces (user.max_user_namespaces); in a container, {_CONTAINER}"


def _landlock(host: Host) -> str:
    modules = host.settings.get("sys/kernel/security/lsm")
    if modules and "landlock" not in modules.split(","):
        return f"boot with `lsm=landlock,{modules}` on the kernel's command line"
    return "use Linux 6.12 or later with landlock in the kernel's `lsm=` list"
