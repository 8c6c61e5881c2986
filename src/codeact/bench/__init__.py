"""Comparing action formats: from results files to a report with intervals, paired tests and figures.

Needs the extra `bench` (numpy, matplotlib), which is imported when a report is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codeact.errors import MissingExtraError

if TYPE_CHECKING:
    from codeact.bench.report import Written, write_report

__all__ = ["Written", "write_report"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module("codeact.bench.report"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "matplotlib"):
            raise
        raise MissingExtraError("bench", "a report with its figures") from error
