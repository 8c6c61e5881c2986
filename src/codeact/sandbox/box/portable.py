r"""The variables of an interpreter as a file that another box can read: written and read in a box, never on the host,
since reading a pickle runs what it says.

    CODEACT-STATE\n         then 8 bytes, the length of the header
    header                  JSON: versions of Python and packages, modules by name, names with lengths, what is left out
    pickles                 one for each name, in an order in which each comes after those it refers to

Each name has a pickle of its own, so that what cannot be saved or loaded costs no other. A value that is also the value
of another name is a reference to that name; what two values share without a name of its own is copied, and so are
names that contain each other. Functions and classes of actions are saved whole (cloudpickle) and live in the new
interpreter's own namespace again; what comes from modules is imported again by name.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

from .shell import Shell

# A pickler's base class is known only once cloudpickle is found, and IPython is only partly typed.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

MAGIC = b"CODEACT-STATE\n"
_LENGTH = struct.Struct(">Q")
_NOT_SHARED = (type(None), bool, int, float, complex, str, bytes)  # values that have no identity worth keeping
_MAX_REASON = 300  # characters
_NEEDS = "the box has no cloudpickle, which saves functions and classes; install it beside ipython"


class PortableError(Exception):
    """The state as a whole cannot be saved or loaded."""


def save(path: str, most: int) -> None:
    """Write the agent's variables, at most `most` bytes of them.

    Raises:
        PortableError: there is no cloudpickle.
        OSError: no room for the file.
    """
    modules, values = _variables(Shell.instance())
    pickles, skipped = _Saving(values, Shell.instance().user_ns).all()
    room = most
    for name, data in list(pickles.items()):
        if len(data) > room:
            skipped[name] = f"it takes {len(data):,} bytes, more than were left of {most:,}"
            del pickles[name]
        else:
            room -= len(data)
    header = {
        "python": _python(),
        "packages": dict(_versions([*modules.values(), *(type(value).__module__ for value in values.values())])),
        "modules": modules,
        "names": [[name, len(data)] for name, data in pickles.items()],
        "skipped": skipped,
    }
    head = json.dumps(header).encode()
    with Path(path).open("wb") as file:
        file.writelines([MAGIC, _LENGTH.pack(len(head)), head, *pickles.values()])


def load(path: str, report: str) -> None:
    """Read a file that `save` has written into this interpreter, remove it, and write into `report` what was loaded.

    Raises:
        PortableError: it is no such file, or another Python wrote it.
    """
    with Path(path).open("rb") as file:
        header = _read_header(file)
        loading = _Loading(Shell.instance().user_ns)
        for name, module in header["modules"].items():
            loading.attempt(name, lambda module=module: importlib.import_module(module))
        for name, length in header["names"]:
            data = file.read(length)
            loading.attempt(name, lambda data=data: loading.read(data))
    Path(path).unlink()
    changed = [
        f"{name} was {version} and is {now.get(name, 'not installed')}"
        for now in [dict(_versions(header["packages"]))]
        for name, version in header["packages"].items()
        if now.get(name) != version
    ]
    told = {"names": loading.loaded, "skipped": loading.failed, "changed": changed}
    Path(report).write_text(json.dumps(told), encoding="utf-8")


def _variables(shell: Shell) -> tuple[dict[str, str], dict[str, Any]]:
    """Modules by their names, and the rest of what the agent has made."""
    modules, values = dict[str, str](), dict[str, Any]()
    for name, value in list(shell.user_ns.items()):
        hidden = name in shell.user_ns_hidden and shell.user_ns_hidden[name] is value
        if hidden or type(name) is not str or name.startswith("_"):
            continue
        if issubclass(type(value), ModuleType):
            modules[name] = str(value.__name__)
        else:
            values[name] = value
    return modules, values


class _Saving:
    def __init__(self, values: Mapping[str, Any], namespace: Mapping[str, Any]) -> None:
        try:
            cloudpickle: Any = importlib.import_module("cloudpickle")
        except ImportError:
            raise PortableError(_NEEDS) from None
        self._pickler = _pickler(cloudpickle.Pickler, namespace)
        self._values = values
        self._names = dict[int, str]()  # of values that may be referred to
        for name, value in values.items():
            if not isinstance(value, _NOT_SHARED):
                self._names.setdefault(id(value), name)
        self._skipped = dict[str, str]()
        self._found = dict[str, tuple[bytes, set[str]]]()  # pickles, and the names that each refers to

    def all(self) -> tuple[dict[str, bytes], dict[str, str]]:
        """Pickles in the order of loading, and why there is none of the others."""
        for name in self._values:
            self._save(name, set(self._values))
        while lost := [name for name, (_, used) in self._found.items() if used & self._skipped.keys()]:
            for name in lost:  # without references to what could not be saved; most often it can't be saved either
                self._save(name, set(self._values) - self._skipped.keys())
        ordered = dict[str, bytes]()
        while self._found:
            ready = [name for name, (_, used) in self._found.items() if not used & self._found.keys()]
            if not ready:  # they contain each other
                ready = [next(iter(self._found))]
                self._save(ready[0], set(ordered))
            for name in ready:
                if name in self._found:
                    ordered[name] = self._found.pop(name)[0]
        return ordered, self._skipped

    def _save(self, name: str, others: set[str]) -> None:
        buffer = io.BytesIO()
        names = {key: other for key, other in self._names.items() if other in others and other != name}
        pickler = self._pickler(buffer, names)
        self._found.pop(name, None)
        try:
            pickler.dump(self._values[name])
        except Exception as error:  # noqa: BLE001 (an agent's class answers)
            self._skipped[name] = _reason(error)
        else:
            self._found[name] = buffer.getvalue(), pickler.used


def _pickler(base: Any, namespace: Mapping[str, Any]) -> Callable[[io.BytesIO, Mapping[int, str]], Any]:
    class Pickler(base):
        """One that writes names for their values, and no copies of the namespace that functions live in."""

        def __init__(self, file: io.BytesIO, names: Mapping[int, str]) -> None:
            super().__init__(file, protocol=5)
            self.used = set[str]()
            self._names = names

        def persistent_id(self, obj: Any) -> str | None:
            if obj is namespace:
                return ""
            if (name := self._names.get(id(obj))) is not None:
                self.used.add(name)
            return name

        def reducer_override(self, obj: Any) -> Any:
            reduced = super().reducer_override(obj)
            if isinstance(obj, FunctionType) and obj.__globals__ is namespace and isinstance(reduced, tuple):
                make, (code, _, *given), (state, slots), *rest = cast("tuple[Any, ...]", reduced)
                return make, (code, namespace, *given), (state, {**slots, "__globals__": {}}), *rest
            return reduced

    return Pickler


class _Loading:
    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self.loaded = list[str]()
        self.failed = dict[str, str]()

    def attempt(self, name: str, make: Callable[[], Any]) -> None:
        try:
            self._namespace[name] = make()
            self.loaded.append(name)
        except Exception as error:  # noqa: BLE001 (an agent's class answers)
            self.failed[name] = _reason(error)

    def read(self, data: bytes) -> Any:
        loading = self

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, pid: str) -> Any:
                return loading.named(pid)

        return Unpickler(io.BytesIO(data)).load()

    def named(self, name: str) -> Any:
        if not name:
            return self._namespace
        if name in self.loaded:
            return self._namespace[name]
        raise PortableError(f"it refers to {name!r}, which could not be loaded")


def _read_header(file: Any) -> dict[str, Any]:
    if file.read(len(MAGIC)) != MAGIC:
        raise PortableError("this is not a saved state")
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    header: dict[str, Any] = json.loads(file.read(length))
    if header["python"] != _python():
        raise PortableError(
            f"the state was saved by Python {header['python']} and this box runs {_python()}; functions do not cross "
            "between them: open a box with that Python (python=…), or keep the data in files"
        )
    return header


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _versions(modules: Any) -> Iterator[tuple[str, str]]:
    """The versions of the packages that modules belong to, where they have one."""
    for root in sorted({str(module).partition(".")[0] for module in modules}):
        version = getattr(sys.modules.get(root), "__version__", None)
        if isinstance(version, str):
            yield root, version


def _reason(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:_MAX_REASON]
    except Exception:  # noqa: BLE001 (an agent's class answers)
        return type(error).__name__
