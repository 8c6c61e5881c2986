"""The packages of an interpreter that are worth telling a model about."""

from __future__ import annotations

import contextlib
from importlib import metadata

_NOTABLE = {  # import name to name of the distribution
    **{
        name: name
        for name in ("numpy", "pandas", "matplotlib", "scipy", "pyarrow", "sympy", "requests", "seaborn", "statsmodels")
    },
    "sklearn": "scikit-learn",
    "PIL": "pillow",
}


def versions() -> dict[str, str]:
    """Import name to version, of those that are installed."""
    found = dict[str, str]()
    for name, distribution in _NOTABLE.items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(distribution)
    return found
