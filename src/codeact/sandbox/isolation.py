"""What isolates a box on this host: layers that were tried, the level they make, the remedy where one is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

Level = Literal["process", "namespace"]
LEVELS: tuple[Level, ...] = ("process", "namespace")  # weakest first

_NEEDED = frozenset(
    ["namespaces", "files", "privileges", "seccomp"]
)  # for `namespace`; the network has a policy of its own

_USER_NAMESPACES = (
    "allow user namespaces: `sysctl user.max_user_namespaces` must not be 0 and, on Ubuntu 23.10 or later, "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0` or an AppArmor profile for this Python; "
    "in a container, start it with `--security-opt seccomp=unconfined` and `--security-opt systempaths=unconfined`"
)
_REMEDIES = {
    "namespaces": _USER_NAMESPACES,
    "files": _USER_NAMESPACES,
    "privileges": "use Linux 4.3 or later",
    "landlock": "use Linux 6.12 or later with landlock in the kernel's `lsm=` list",
    "seccomp": "use a kernel with CONFIG_SECCOMP_FILTER",
    "total memory": "give this program a control group that it may divide: start it with `systemd-run --user --scope` "
    "(as an ordinary user, with control groups v2) or as root; in a container, with a writable /sys/fs/cgroup",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    name: str
    active: bool
    detail: str = ""
    remedy: str = ""  # what would make it active on this host; empty when it is


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was tried from inside a box and should not have worked."""

    name: str
    held: bool
    detail: str = ""  # what the attempt met


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationReport:
    layers: tuple[Layer, ...]
    checks: tuple[Check, ...] = ()  # of a probe; a session has none

    @property
    def level(self) -> Level:
        """Derived from the layers and checks that held, never from what was asked for."""
        active = {layer.name for layer in self.layers if layer.active}
        return "namespace" if active >= _NEEDED and all(check.held for check in self.checks) else "process"

    @property
    def missing(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if not layer.active)


def layer(name: str, active: bool, detail: str = "") -> Layer:
    return Layer(name=name, active=active, detail=detail, remedy="" if active else _REMEDIES.get(name, ""))


def report(*parts: Any) -> IsolationReport:
    """From the rows that the processes of a box have sent: [name, active, detail]."""
    rows = [row for part in parts if isinstance(part, list) for row in cast("list[Any]", part)]
    return IsolationReport(layers=tuple(layer(str(row[0]), row[1] is True, str(row[2])) for row in rows))


def refusal(missing: Iterable[Layer], require: Level = "namespace") -> str:
    """The sentence for a host that cannot isolate as asked."""
    faults = "; ".join(f"{layer.name}: {layer.detail}" for layer in missing)
    remedies = "; ".join(dict.fromkeys(layer.remedy for layer in missing if layer.remedy))
    return (
        f"this host cannot isolate code at the level {require!r} ({faults}). Remedy: {remedies}. "
        "For code that you trust there is the sandbox 'subprocess', which isolates nothing"
    )


def meets(level: Level, require: Level) -> bool:
    return LEVELS.index(level) >= LEVELS.index(require)


def unmet(report: IsolationReport) -> Sequence[Layer]:
    return [layer for layer in report.layers if not layer.active and layer.name in _NEEDED]
