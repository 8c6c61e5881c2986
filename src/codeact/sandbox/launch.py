"""Starts the first process of a box from the host, and ends it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio

from codeact.errors import SandboxError
from codeact.sandbox.base import Limits
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.isolation import Check, Layer, Level, MissingLayerError
from codeact.sandbox.wire import Wire, WireClosedError

BOX = Path(__file__).parent / "box"
PRELOAD = ("numpy", "pandas", "matplotlib.pyplot", "sklearn")  # as far as they are installed

# The folder is loaded under a name of its own, so that nothing else of ours need be visible where it runs.
_BOOT = (
    "import sys, json, importlib as i, importlib.util as u;"
    "sys.path += json.loads(sys.argv[3])['packages'];"
    "d = sys.argv[1];"
    "s = u.spec_from_file_location('codeact_box', d + '/__init__.py', submodule_search_locations=[d]);"
    "m = sys.modules['codeact_box'] = u.module_from_spec(s); s.loader.exec_module(m);"
    "i.import_module('codeact_box.launch').main()"
)
_START = 120.0  # seconds; importing the data stack on a slow disk
_END = 5.0  # seconds for a process to end by itself


@dataclass(frozen=True, slots=True)
class Launched:
    """A running first process, ready to be asked."""

    wire: Wire
    pid: int
    python: str
    packages: Mapping[str, str]
    level: Level = "process"  # that held when it was tried
    checks: tuple[Check, ...] = ()  # what was tried from inside, in a session of its own
    above: tuple[Layer, ...] = ()  # what kept this host from a better level
    around: Sequence[Sequence[Any]] = ()  # layers that somebody else has made, as rows of a report

    @property
    def dead(self) -> bool:
        """Whether something has ended it."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # waited for already
            return True


@contextlib.asynccontextmanager
async def launched(
    python: str, options: Mapping[str, Any], *, home: str, temporary: str, output: Sequence[int] = ()
) -> AsyncGenerator[Launched]:
    """Run the first process while the context lasts. `output`: descriptors for its standard output and error.

    Raises:
        MissingLayerError: this host does not allow the isolation.
        SandboxError: it could not start for another reason, which is named.
    """
    ours, theirs = socket.socketpair()
    errors = os.memfd_create("codeact-box-errors")
    stdout, stderr = output or (errors, errors)
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 (a fork and an exec; in a thread, the box would die with the thread)
            [python, "-I", "-B", "-c", _BOOT, str(BOX), str(theirs.fileno()), json.dumps(options)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=environment(python, home, temporary),
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C in a terminal is for the host to handle
            cwd="/",
        )
    except OSError as error:
        ours.close()
        os.close(errors)
        raise SandboxError(f"the interpreter {python!r} cannot be started: {error}") from error
    finally:
        theirs.close()
    wire = Wire(ours, descriptors=True)
    patience = 0.0  # while it starts it is busy with imports and would not notice that its channel is closed
    try:
        frame = await _first_frame(wire, errors)
        patience = _END
        yield Launched(wire, process.pid, str(frame.body.get("python", "")), versions(frame.body.get("packages")))
    finally:
        wire.close()
        os.close(errors)
        with anyio.CancelScope(shield=True):
            await _end(process, patience)


async def _first_frame(wire: Wire, errors: int) -> Frame:
    try:
        with anyio.fail_after(_START):
            frame = await wire.receive()
    except TimeoutError:
        raise SandboxError(f"the box did not start within {_START:.0f} seconds") from None
    except WireClosedError:
        tail = os.pread(errors, 1 << 20, 0).decode("utf-8", "replace").strip()[-2000:]
        raise SandboxError(f"the box ended while starting: {tail or 'without a word'}") from None
    if frame.kind == "failed":
        raise MissingLayerError.told(frame.body)
    if frame.kind != "serving":
        raise SandboxError(f"the box could not start: {frame.body.get('reason')}")
    return frame


async def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """The process ends by itself when its channel is closed; wait for that for so many seconds, then kill it."""
    pidfd = os.pidfd_open(process.pid)
    try:
        with anyio.move_on_after(patience):
            await anyio.wait_readable(pidfd)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        await anyio.wait_readable(pidfd)
    finally:
        os.close(pidfd)
        process.wait()


def environment(python: str, home: str, temporary: str) -> dict[str, str]:
    """Of a box. All that it inherits of the host's is nothing: keys and paths live there."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
    return {
        "PATH": f"{Path(python).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "USER": "user",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": temporary,
        "IPYTHONDIR": f"{temporary}/.ipython",
        "MPLCONFIGDIR": f"{temporary}/.matplotlib",
        "XDG_CACHE_HOME": f"{temporary}/.cache",
        "MPLBACKEND": "Agg",  # for programs started inside; the interpreter itself shows figures
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # pandas uses Arrow where it is there, whose own pool takes 1 GiB
        **threads,  # native threads of a library would not survive a fork, and many sessions share the machine
    }


def box_limits(limits: Limits) -> dict[str, int]:
    """The limits that are kept inside the box, by the kernel; the others are kept by the host."""
    return {
        "memory": limits.memory,
        "processes": limits.processes,
        "open_files": limits.open_files,
        "workspace": limits.workspace,
        "inodes": limits.inodes,
    }


def package_folders() -> list[str]:
    """Folders of this interpreter's packages that lie outside its prefixes, such as those of `pip install --user`."""
    inside = (Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), Path("/usr"))
    found = [Path(path) for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return [str(path) for path in found if not any(path.resolve().is_relative_to(prefix) for prefix in inside)]


def versions(found: Any) -> Mapping[str, str]:
    """Import name to version, as a box has told it."""
    if not isinstance(found, dict):
        return {}
    return {str(name): str(version) for name, version in cast("dict[Any, Any]", found).items()}
