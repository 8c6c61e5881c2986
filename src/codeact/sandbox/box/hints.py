"""What to do about a package that is not in the box, or a limit that was met, as a sentence below the error that the
model reads.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import resource
import sys
import traceback

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


_STARTERS = ("subprocess.py", "popen_fork.py", "pty.py")  # of the standard library: they fork


def about(error: BaseException) -> str:
    """Empty for any error but these."""
    match error:
        case ModuleNotFoundError():
            return _about_package(error)
        case OSError():
            return _about_limit(error)
        case RuntimeError() if str(error) == "can't start new thread":
            return _PROCESSES.format(most=_most(resource.RLIMIT_NPROC))
        case _:
            return ""


def _about_package(error: ModuleNotFoundError) -> str:
    if not error.name or "." in error.name or _found(error.name):
        return ""
    package = _PACKAGES.get(error.name, error.name)
    here = ", ".join(name for name in _OFTEN_ASKED_FOR if _found(name)) or "the standard library only"
    return f"{error.name!r} is not installed in this sandbox (installed: {here}). {_remedy(package)}"


_PROCESSES = (
    "This session may run {most} processes and threads at a time, and so many are running; wait for some, or end them."
)


def _about_limit(error: OSError) -> str:
    match error.errno:
        case errno.EAGAIN if _forking(error):
            return _PROCESSES.format(most=_most(resource.RLIMIT_NPROC))
        case errno.EMFILE:
            most = _most(resource.RLIMIT_NOFILE)
            return (
                f"A process may have {most} files open at a time here; close those that are done with (`with open(…)`)."
            )
        case errno.EFBIG:
            return f"A file may have {_most(resource.RLIMIT_FSIZE)} bytes here; write less, or pack it."
        case errno.ENOSPC:
            return _about_space()
        case _:
            return ""


def _about_space() -> str:
    space = os.statvfs(".")
    if not space.f_favail:
        return f"This session may have {space.f_files:,} files, and has so many; remove some, or pack them into one."
    size = space.f_blocks * space.f_frsize
    return f"The files of this session may take {size:,} bytes, those in /tmp included, and they do; remove some."


def _forking(error: OSError) -> bool:
    """Whether it was a process that could not be started; a socket that does not block says the same."""
    last = traceback.extract_tb(error.__traceback__, limit=-1)
    return any(frame.filename.endswith(_STARTERS) or "fork" in (frame.line or "") for frame in last)


def _most(limit: int) -> str:
    return f"{resource.getrlimit(limit)[0]:,}"


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
