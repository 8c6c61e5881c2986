"""What to do about a package that is not in the box, as a sentence below the error that the model reads."""

from __future__ import annotations

import importlib.util
import os
import sys

POLICY = "CODEACT_NETWORK"  # environment variable with the network policy, set by the host

_PACKAGES = {  # import name to name of the package, where they differ
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_OFTEN_ASKED_FOR = (
    *("numpy", "pandas", "matplotlib", "scipy", "sklearn", "sympy", "pyarrow", "statsmodels", "seaborn", "requests"),
    *("PIL", "bs4", "lxml", "yaml", "openpyxl"),
)


def about(error: BaseException) -> str:
    """Empty for any error but that of a package which is not there."""
    if not isinstance(error, ModuleNotFoundError) or not error.name or "." in error.name or _found(error.name):
        return ""
    package = _PACKAGES.get(error.name, error.name)
    here = ", ".join(name for name in _OFTEN_ASKED_FOR if _found(name)) or "the standard library only"
    return f"{error.name!r} is not installed in this sandbox (installed: {here}). {_remedy(package)}"


def _found(name: str) -> bool:
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # half imported, or made by the agent
        return True


def _remedy(package: str) -> str:
    match os.environ.get(POLICY, "none").partition(":")[0]:
        case "packages" | "open":
            return f"If it is the package {package!r}, run: %pip install {package}"
        case _:
            return (
                "Do it with what is installed. It cannot be installed from in here: whoever runs this can give it, by "
                f"packages=[{package!r}] of the sandbox (--package {package}) or by network='packages'."
            )
