"""What a session's container is allowed: the body of the engine's `create`, and what the engine says it has made of it.

Covers: a user that nobody else is, a read-only root, no capabilities, no new privileges, the engine's own seccomp
profile, no mounts of the host, no network, and memory, processes and files of the whole session limited by cgroups.
Does not cover: the kernel, which is shared (for that there is `runtime="runsc"`), and what the image itself holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from codeact.sandbox.base import Limits, MiB, NetworkPolicy
from codeact.sandbox.box.root import HOME, WORKSPACE
from codeact.sandbox.launch import environment
from codeact.sandbox.remote import BOOT

LABEL = "io.codeact.session"
_MORE_PROCESSES = 16  # the first process and the engine's own, for a moment
_ROOT_HAS = range(0x7000_0000, 0x7100_0000)  # far above what systems hand out
_OTHERS_HAVE = range(20_000, 60_000)  # of the 65,536 that a rootless engine maps


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How one container is to be."""

    image: str
    python: str
    limits: Limits
    network: NetworkPolicy
    runtime: str | None
    of_root: bool  # whether the engine is, which then has any number for a user


def body(terms: Terms) -> dict[str, Any]:
    """For `POST /containers/create`."""
    user = a_user(of_root=terms.of_root)
    return {
        "Image": terms.image,
        "Entrypoint": [terms.python, "-I", "-B", "-c", BOOT],
        "Cmd": [],
        "User": f"{user}:{user}",
        "Env": [f"{name}={value}" for name, value in environment("/usr/local/bin/-", WORKSPACE, "/tmp").items()],  # noqa: S108
        "WorkingDir": "/",
        "Hostname": "box",
        "Labels": {LABEL: "1"},
        **dict.fromkeys(("AttachStdin", "AttachStdout", "AttachStderr", "OpenStdin", "StdinOnce"), True),
        "Tty": False,
        "NetworkDisabled": terms.network == "none",
        "HostConfig": _host(terms),
    }


def _host(terms: Terms) -> dict[str, Any]:
    limits = terms.limits
    room = f"rw,exec,nosuid,nodev,mode=1777,size={limits.workspace}"
    return {
        "ReadonlyRootfs": True,
        "Tmpfs": {HOME: room, "/tmp": room},  # noqa: S108
        "ShmSize": min(limits.workspace, 256 * MiB),
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Privileged": False,
        "NetworkMode": "none" if terms.network == "none" else "bridge",
        "IpcMode": "private",
        "Memory": limits.total_memory,  # files in memory count too, and the first process
        "MemorySwap": limits.total_memory,  # the sum of both: so, no swap
        "PidsLimit": limits.processes + _MORE_PROCESSES,
        "Ulimits": [
            {"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files},
            {"Name": "nproc", "Soft": limits.processes + _MORE_PROCESSES, "Hard": limits.processes + _MORE_PROCESSES},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "LogConfig": {"Type": "none", "Config": {}},  # or all that passes would be kept on the host's disk
        "AutoRemove": True,
        **({"Runtime": terms.runtime} if terms.runtime else {}),
    }


def a_user(*, of_root: bool) -> int:
    """The number of a user for one session, so that the limit on its processes counts nobody else's."""
    return secrets.choice(_ROOT_HAS if of_root else _OTHERS_HAVE)


def layers(found: Mapping[str, Any], engine: str, terms: Terms) -> list[list[Any]]:
    """Rows for a report, from what the engine says of the running container, not from what was asked for."""
    host: Mapping[str, Any] = _part(found, "HostConfig")
    mounts = [str(mount.get("Source")) for mount in cast("list[Any]", found.get("Mounts") or []) if _of_host(mount)]
    limits = f"{host.get('Memory') or 0:,} bytes, {host.get('PidsLimit') or 0} processes"
    return [
        ["container", not host.get("Privileged") and not mounts, f"{engine}; mounts of the host: {mounts or 'none'}"],
        ["total memory", bool(host.get("Memory") and host.get("PidsLimit")), limits],
        ["policy", host.get("NetworkMode") == "none" or terms.network == "open", f"network {host.get('NetworkMode')}"],
    ]


def _of_host(mount: Any) -> bool:
    return isinstance(mount, dict) and cast("dict[str, Any]", mount).get("Type") != "tmpfs"


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return cast("Mapping[str, Any]", part) if isinstance(part, dict) else {}
