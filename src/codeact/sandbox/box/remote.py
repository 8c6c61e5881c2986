"""The first process of a box that was made by somebody else: a container engine, a cluster. It is the session, and its
host is at the other end of standard input and output.

The place has namespaces, a read-only root and limits already; what this process can see of them, it tries and reports.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import reach
from .confine import Allowance, Layer
from .frames import Frame
from .proc import MOUNTED
from .relay import Pipes, Relay
from .root import HOME, WORKSPACE

_PRIVATE = 200  # descriptors from here on are less likely to be closed by an agent's code


def main(options: str) -> None:
    """`options`: `preload`, `limits` and `network`, as JSON; `policy_patience` where a cluster keeps that."""
    given: Mapping[str, Any] = json.loads(options)
    # Knock now, listen when the imports are done.
    door = reach.door(closed=given["network"] == "none", patience=given.get("policy_patience", 0.0))
    relay = Relay(_own_stream())
    try:
        server: Any = importlib.import_module(".server", __package__)  # heavy; only now is there someone to tell
        session: Any = importlib.import_module(".session", __package__)
        Path(WORKSPACE).mkdir(exist_ok=True)
        server.prepare(relay, given["preload"], MOUNTED)
    except Exception as error:  # noqa: BLE001 (a package that cannot be imported does anything; the host must learn of it)
        relay.send(Frame("broken", {"reason": f"{type(error).__name__}: {error}"}))
        return
    terms = session.Terms(
        allowance=Allowance(**given["limits"]),
        network="none",
        outside=(os.getuid(), os.getgid()),
        workspace=WORKSPACE,
        around=tuple(_layers(door)),
    )
    session.run(relay, relay.output, terms)


def _own_stream() -> Pipes:
    """Take standard input and output away from everybody else."""
    source, sink = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _PRIVATE) for fd in (0, 1))
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.close(null)
    return Pipes(source, sink)


def _layers(door: reach.Door | None) -> list[Layer]:
    alone = os.getppid() == 0  # the one who started it is outside
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return [
        Layer("namespaces", alone, "a pid namespace of its own" if alone else "processes are shared"),
        _files(),
        _privileges(status),
        _network() if door is None else _behind(door),
    ]


def _files() -> Layer:
    """Whether something can be written where nothing should be."""
    places = [place for place in ("/", "/usr", "/etc", str(Path(sys.prefix))) if os.access(place, os.W_OK)]
    if places:
        return Layer("files", False, f"{', '.join(places)} can be written")
    return Layer("files", True, f"a read-only root; {HOME}, /tmp and /dev/shm in memory")


def _privileges(status: Mapping[str, str]) -> Layer:
    faults = [f"{name} is {status[name]}" for name in ("CapPrm", "CapBnd") if int(status.get(name, "0"), 16)]
    faults += ["it can get new privileges"] if status.get("NoNewPrivs") != "1" else []
    faults += ["it runs as root"] if os.getuid() == 0 else []
    return Layer("privileges", not faults, "; ".join(faults) or "an ordinary user, no capabilities, no new privileges")


def _network() -> Layer:
    names = sorted(path.name for path in Path("/sys/class/net").glob("*") if path.name != "lo")
    detail = f"there are {', '.join(names)}" if names else "none but its own loopback"
    return Layer("network", not names, detail)


def _behind(door: reach.Door) -> Layer:
    """A pod always has an interface; what counts is whether the cluster keeps the policy for it."""
    if door.opens():
        return Layer("network", False, f"the cluster does not keep its network policy: {door.address} can be reached")
    return Layer("network", True, f"closed by the cluster's network policy: {door.address} could not be reached")
