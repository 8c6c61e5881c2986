"""Tries on this host what the local sandbox claims: opens a box and attempts from inside what must not work."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import replace

from codeact.errors import IsolationError
from codeact.sandbox.base import Limits, MiB
from codeact.sandbox.isolation import Check, IsolationReport, report
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.session import BoxSession

_LIMITS = Limits(memory=512 * MiB, processes=32, workspace=64 * MiB)
_CTYPES = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
_REFUSED = "if r < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))"


async def probe() -> IsolationReport:
    """What isolates code on this host. Takes about a second; a host that cannot is a report, not an error.

    Raises:
        SandboxError: the box could not be tried, for a reason other than isolation.
    """
    try:
        async with LocalSandbox(preload=(), require="process").open(limits=_LIMITS) as session:
            return replace(session.isolation, checks=await _attempt_all(session))
    except IsolationError as error:
        return report([["namespaces", False, str(error)]])


async def _attempt_all(session: BoxSession) -> tuple[Check, ...]:
    with tempfile.NamedTemporaryFile() as file, socket.create_server(("127.0.0.1", 0)) as listener:
        attempts = _attempts(file.name, listener.getsockname()[1])
        return tuple([await _attempt(session, name, code) for name, code in attempts.items()])


def _attempts(path: str, port: int) -> Mapping[str, str]:
    return {
        "read a file of the host": f"open({path!r}).read()",
        "write outside the workspace": "open('/usr/codeact-probe', 'w')",
        "reach a service of the host": f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "signal a process of the host": f"import os; os.kill({os.getpid()}, 0)",
        "trace the session's own init": "open('/proc/1/mem', 'rb')",
        "make a namespace": f"{_CTYPES}r = libc.unshare(0x10000000)\n{_REFUSED}",
        "mount": f"{_CTYPES}r = libc.mount(b'x', b'/box', b'tmpfs', 0, None)\n{_REFUSED}",
        "take more memory than allowed": "bytearray(1 << 30)",
        "start more processes than allowed": "import subprocess as s; p = [s.Popen(['sleep', '9']) for _ in range(64)]",
        "fill more disk than allowed": "open('big', 'wb').write(bytes(128 << 20))",
    }


async def _attempt(session: BoxSession, name: str, code: str) -> Check:
    error = (await session.run(code, time_limit=10)).error
    if error is None:
        return Check(name, held=False, detail="it worked")
    return Check(name, held=error.kind != "timeout", detail=f"{error.name}: {error.message}")
