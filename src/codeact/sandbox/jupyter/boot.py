"""Sent to a kernel as source and run there, by any Python that can read it: makes our folder `box` importable from
memory, as the package `codeact_box`. Nothing is written to the kernel's disk.
"""

import importlib.abc
import sys
from importlib.machinery import ModuleSpec

PACKAGE = "codeact_box"


class Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def __init__(self, sources: "dict[str, str]") -> None:
        self._sources = sources

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        package, _, module = fullname.partition(".")
        if package != PACKAGE or (module or "__init__") not in self._sources:
            return None
        return ModuleSpec(fullname, self, is_package=not module)

    def is_package(self, fullname: str) -> bool:
        return fullname == PACKAGE

    def get_source(self, fullname: str) -> str:
        return self._sources[fullname.partition(".")[2] or "__init__"]


def install(sources: "dict[str, str]") -> None:
    """Raises RuntimeError when this Python is too old for them."""
    if sys.version_info < (3, 11):  # noqa: UP036 (the kernel's Python is not the one that ran our installation)
        raise RuntimeError(f"the kernel runs Python {sys.version.split()[0]}, but 3.11 or later is needed")
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    sys.meta_path.insert(0, Sources(sources))
