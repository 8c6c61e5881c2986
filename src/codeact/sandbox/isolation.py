"""What isolates a box on this host: layers that were tried, the level they make, the remedy where one is missing.

container   the box is one of Docker's or Podman's (`codeact.sandbox.containers`)
namespace   namespaces, a private root, Landlock and seccomp; with a control group also the total of memory
filter      Landlock and seccomp alone, for hosts that forbid namespaces: files and network are closed, sums are not
process     anything less: protects from accidents, not from code that wants out; only ever taken by name
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from codeact.errors import IsolationError, UsageError
from codeact.sandbox import remedies

Level = Literal["process", "filter", "namespace", "container"]
LEVELS: tuple[Level, ...] = ("process", "filter", "namespace", "container")  # weakest first

# The layers without which a level is not there. The network of `namespace` has a policy of its own.
_NEEDED: Mapping[Level, frozenset[str]] = {
    "container": frozenset(["container", "files", "privileges"]),
    "namespace": frozenset(["namespaces", "files", "privileges", "seccomp"]),
    "filter": frozenset(["files", "network", "privileges", "landlock", "seccomp"]),
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
    kind: Literal["reach", "share"] = "reach"  # for what is not its own, or for more than its share


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationReport:
    layers: tuple[Layer, ...]
    checks: tuple[Check, ...] = ()  # of the probe

    @property
    def level(self) -> Level:
        """Derived from the layers and checks that held, never from what was asked for."""
        for level in reversed(LEVELS):
            if level in _NEEDED and self._holds(level):
                return level
        return "process"

    def _holds(self, level: Level) -> bool:
        active = {layer.name for layer in self.layers if layer.active}
        counted = [check for check in self.checks if level != "filter" or check.kind == "reach"]
        return active >= _NEEDED[level] and all(check.held for check in counted)

    @property
    def missing(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if not layer.active)


def check_level(level: str) -> None:
    """Raises `UsageError` for a level that there is not."""
    if level not in LEVELS:
        raise UsageError(f"there is no isolation level {level!r}; there are {', '.join(LEVELS)}")


class IsolationWarning(UserWarning):
    """Code runs with less isolation than is the default."""


class MissingLayerError(IsolationError):
    """The host refused layers; which, and why."""

    def __init__(self, *layers: Layer, require: Level = "namespace") -> None:
        super().__init__(refusal(layers, require))
        self.layers = layers

    @classmethod
    def told(cls, body: Mapping[str, Any]) -> MissingLayerError:
        """From the answer of a process of a box."""
        return cls(layer(str(body.get("layer", "namespaces")), False, str(body.get("reason"))))


def layer(name: str, active: bool, detail: str = "") -> Layer:
    return Layer(name=name, active=active, detail=detail, remedy="" if active else remedies.remedy(name))


def report(*parts: Any, checks: Sequence[Check] = (), above: Sequence[Layer] = ()) -> IsolationReport:
    """From the rows that the processes of a box have sent: [name, active, detail]. `above`: layers of a better level
    that were refused.
    """
    rows = [row for part in parts if isinstance(part, list) for row in cast("list[Any]", part)]
    layers = [layer(str(row[0]), row[1] is True, str(row[2])) for row in rows]
    known = {layer.name for layer in layers}
    refused = [layer for layer in above if layer.name not in known]
    return IsolationReport(layers=(*refused, *layers), checks=tuple(checks))


def refusal(missing: Iterable[Layer], require: Level = "namespace") -> str:
    """The sentence for a host that cannot isolate as asked."""
    missing = list(missing)
    faults = "; ".join(f"{layer.name}: {layer.detail}" for layer in missing)
    advice = "; ".join(dict.fromkeys(layer.remedy for layer in missing if layer.remedy))
    weaker = "A weaker level may hold: require='filter'. " if require == "namespace" else ""
    return (
        f"this host cannot isolate code at the level {require!r} ({faults}). Remedy: {advice}. "
        f"{weaker}For code that you trust there is the sandbox 'subprocess', which isolates nothing"
    )


def meets(level: Level, require: Level) -> bool:
    return LEVELS.index(level) >= LEVELS.index(require)


def unmet(report: IsolationReport, level: Level = "namespace") -> Sequence[Layer]:
    """The layers that are not there and keep a report from a level."""
    needed = _NEEDED.get(level, frozenset())
    return [layer for layer in report.layers if not layer.active and layer.name in needed]


def breached(report: IsolationReport) -> Sequence[Layer]:
    """The attempts that worked, for where the layers seemed to be there."""
    worked = [check for check in report.checks if not check.held and check.kind == "reach"]
    return [layer(f"attempt to {check.name}", False, "worked") for check in worked]


def warn_of_none(report: IsolationReport) -> None:
    """Say so to whoever has asked for it by name: the next reader of the program may not know."""
    if report.level == "process":
        lacking = ", ".join(layer.name for layer in report.missing) or "everything"
        words = f"code runs at the isolation level 'process', which stops accidents and not attacks; missing: {lacking}"
        warnings.warn(words, IsolationWarning, stacklevel=3)
