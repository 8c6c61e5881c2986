"""From what an attempt met to a verdict, and to the layer that met it.

The layer is read from the error, the limit or the end that the attempt came to, and from which layers the session has;
no attack says beforehand which one will hold it.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from codeact.errors import SandboxError, TransferError, UnsupportedError
from codeact.sandbox.attacks.attack import Attack, Verdict
from codeact.types import ExecError, ExecResult

_NUMBER = re.compile(r"\[Errno (-?\d+)\]")
_OF_PROCESS = re.compile(r"'/proc/\d+")
_REFUSING = {  # errors that Python makes of a refusal, and who refuses so
    "FileNotFoundError": "files",
    "NotADirectoryError": "files",
    "PermissionError": "privileges",
    "ProcessLookupError": "namespaces",
    "ConnectionRefusedError": "network",
    "gaierror": "network",
    "TimeoutError": "network",
    "OSError": "",
    "BlockingIOError": "resources",
    "ChildProcessError": "namespaces",
    "IsADirectoryError": "files",
    "ConnectionResetError": "network",
    "MemoryError": "resources",
    "RecursionError": "interpreter",
}
_BY_NUMBER = {
    errno.EROFS: "files",
    errno.ENOENT: "files",
    errno.ENXIO: "files",
    errno.ENODEV: "files",
    errno.ELOOP: "files",
    errno.EXDEV: "files",
    errno.EACCES: "landlock",
    errno.ESRCH: "namespaces",
    **dict.fromkeys((errno.ENOSPC, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM), "resources"),
    **dict.fromkeys((errno.EAGAIN, errno.EDQUOT, errno.ETOOMANYREFS, errno.EMLINK), "resources"),
    **dict.fromkeys((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.EADDRNOTAVAIL), "network"),
    **dict.fromkeys((errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT), "network"),
    **dict.fromkeys((errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY, errno.EBADF, errno.EIO), "kernel"),
    -2: "network",  # getaddrinfo: no such name
    -3: "network",  # … no server of names can be asked
}
_LIMITS = {"timeout": "time limit", "interrupted": "time limit", "out_of_memory": "resources", "limit": "resources"}
_MISSING = frozenset(["NotImplementedError", "ModuleNotFoundError"])


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of the sandbox under attack."""

    layers: frozenset[str]  # that are active; none are known of a sandbox that does not report them
    namespaces: frozenset[str]  # that are not the host's
    isolated: bool
    level: str = ""

    def promised_by(self, attack: Attack) -> str:
        """The layer by which the attack must not get through here; "" where none promises that."""
        if (self.isolated and not self.layers) or attack.promise in ("host", "views"):
            return attack.promise
        return next((layer for layer in (attack.promise, attack.else_by) if layer in self.layers), "")

    def bears(self, attack: Attack) -> bool:
        """Whether an attack may be tried that would harm the machine if it got through."""
        return self.isolated or (self.promised_by(attack) != "" and "seccomp" in self.layers)


@dataclass(slots=True)
class Course:
    """How an attack went, step by step."""

    results: list[ExecResult] = field(default_factory=list[ExecResult])
    files: list[bytes] = field(default_factory=list[bytes])
    refused: SandboxError | None = None  # by the host, at one of its own steps
    harm: str = ""

    @property
    def said(self) -> Sequence[str]:
        """All that came out of the session, as text."""
        files = [data.decode("utf-8", "replace") for data in self.files]
        return [*map(repr, self.results), *files]

    @property
    def error(self) -> ExecError | None:
        """The first that an action met."""
        return next((result.error for result in self.results if result.error is not None), None)


def judge(attack: Attack, course: Course, place: Place) -> tuple[Verdict, str, str]:
    """The verdict, the layer, and what was met."""
    if course.harm:
        return ("broken" if attack.done == "works" else "not held"), "", course.harm
    if attack.done == "works":
        return _honest(course, expected=place.level not in attack.lacking)
    if (error := course.error) is not None:
        return _met(attack, error, place)
    if course.refused is not None:
        return _refused_by_host(course.refused)
    if attack.done == "contained":
        return "contained", _bound(attack, course, place), _extent(course)
    return "not held", "", f"it worked{_detail(course)}"


def _honest(course: Course, *, expected: bool) -> tuple[Verdict, str, str]:
    if course.refused is not None:
        return "broken", "", str(course.refused)
    if (error := course.error) is None:
        return "works", "", ""
    missing = error.name in _MISSING or not expected
    return ("not applicable" if missing else "broken"), "", f"{error.name}: {error.message}"


def _refused_by_host(error: SandboxError) -> tuple[Verdict, str, str]:
    match error:
        case UnsupportedError():
            return "not applicable", "", str(error)
        case TransferError():
            return "held", "host", str(error)
        case _:
            return "contained", "host", str(error)


def _met(attack: Attack, error: ExecError, place: Place) -> tuple[Verdict, str, str]:
    met = f"{error.name}: {error.message}"
    if error.kind in ("crashed", "exited") and error.name != "ProtocolError":
        filtered = error.name == "SIGSYS"
        return ("held" if filtered else "contained"), ("seccomp" if filtered else "restart"), met
    if error.name == "ProtocolError":
        return "held", "host", met
    if error.kind in _LIMITS:
        refused = error.name == "MemoryError" and "killed" not in error.message
        return ("held" if refused else "contained"), _LIMITS[error.kind], met
    if error.name in _MISSING:
        return "not applicable", "", met
    if error.name in attack.refusals:
        return "held", _REFUSING.get(error.name, "host"), met
    if error.name not in _REFUSING:
        return "faulty", "", met
    return "held", _layer(error, place), met


def _layer(error: ExecError, place: Place) -> str:
    if error.message.endswith("filtered"):
        return "seccomp"
    found = _NUMBER.search(error.message)
    layer = _BY_NUMBER.get(int(found[1]), "") if found else ""
    if layer in ("files", "landlock") and _OF_PROCESS.search(error.message):
        return "namespaces" if layer == "files" else "privileges"  # it is not there, or may not be traced
    layer = layer or _REFUSING[error.name] or "kernel"
    return "privileges" if layer == "landlock" and layer not in place.layers else layer


def _bound(attack: Attack, course: Course, place: Place) -> str:
    """What kept a thing that happened inside: a limit that shows, a namespace that is the session's own, or else only
    that no witness on the host saw anything of it.
    """
    if any(result.dropped for result in course.results):
        return "output limit"
    if any(
        "tool calls in one action" in (record.error or "") for result in course.results for record in result.tool_calls
    ):
        return "host"
    if attack.within in place.namespaces:
        return f"namespaces ({attack.within})"
    return "host"


def _extent(course: Course) -> str:
    dropped = sum(result.dropped for result in course.results)
    return f"{dropped:,} bytes of output were dropped" if dropped else "it ran; nothing outside saw it"


def _detail(course: Course) -> str:
    value = next((result.value for result in course.results if result.value), None)
    return f": {value[:200]}" if value else ""
